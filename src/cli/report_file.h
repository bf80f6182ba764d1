// Reports on disk.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "symbolize/report.h"

namespace weir::cli {

using Json = nlohmann::ordered_json;

// One value on one line. Bytes that are not UTF-8 become U+FFFD.
std::string compact_text(const Json& value);

// A file that takes its name when it is whole: replaces what is there, and is readable by the owner only. A link, a device or a pipe is
// written to instead: /dev/stdout is a link. Throws Error(kExitOwnFailure).
class NewFile {
 public:
  explicit NewFile(const std::string& path);
  ~NewFile();  // without commit() nothing is left
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::string_view text);
  void commit();

 private:
  [[noreturn]] void fail() const;

  const std::string path_;
  std::string temporary_;
  bool is_in_place_ = false;
  std::FILE* stream_ = nullptr;
};

// Replaces `path` as a NewFile does: what is there is whole, the old or the new. Throws Error(kExitOwnFailure).
void write_text(const std::string& path, const std::string& text);

// Adds functions, lines, the names of runtime allocations and calls, and which leaks are suppressed, where the report has none of it yet.
// True where it changed.
bool finish_report(Json& report, symbolize::Symbolizer& symbolizer);

// The last of that alone, for a report whose frames have just got their functions.
void name_what_is_known(Json& report);

// Whether a report of that name is a snapshot of a process that has, or will have, another at its end: "out.snapshot-1.json".
bool is_snapshot_name(const std::string& name);

// The reports that a command line names: files as they are, folders as the *.json inside, by name, snapshots left out unless there is
// nothing else.
std::vector<std::string> expand_folders(const std::vector<std::string>& paths);

}  // namespace weir::cli

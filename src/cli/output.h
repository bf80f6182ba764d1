// Where what a command writes goes.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace weir::cli {

// "-": the standard output. A file takes its name when it is whole: finish() replaces what is there, and it is readable by the owner only. A
// link, a device or a pipe is written to instead: /dev/stdout is a link. All throw Error(kExitOwnFailure).
class Output {
 public:
  explicit Output(const std::string& path);
  ~Output();  // without finish() nothing is left of a new file
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::string_view text);
  void finish();
  uint64_t written_bytes() const { return written_bytes_; }

 private:
  [[noreturn]] void fail() const;

  const std::string path_;
  std::string temporary_;  // "" where there is no new file, or no longer
  std::FILE* stream_ = nullptr;
  uint64_t written_bytes_ = 0;
};

// All that goes there at once, as to an Output.
void write_output(const std::string& path, std::string_view text);

}  // namespace weir::cli

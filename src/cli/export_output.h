// Where an export goes, piece by piece.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "cli/report_file.h"

namespace weir::cli {

// "-": the standard output. A regular file is replaced as a whole by finish(), readable by the owner only; without it, it stays as it was. A
// pipe, a device, and what a symbolic link leads to (/dev/stdout) are written to. All throw Error(kExitOwnFailure).
class Output {
 public:
  explicit Output(const std::string& path);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output();
  void write(std::string_view text);
  void finish();
  uint64_t written_bytes() const { return written_bytes_; }

 private:
  [[noreturn]] void fail() const;

  const std::string path_;
  std::optional<NewFile> new_file_;
  FILE* file_ = nullptr;  // where it is no new one
  uint64_t written_bytes_ = 0;
};

// Compresses what is written to it: the gzip format, RFC 1952, without a name or a time, so that equal reports give equal files.
class GzipOutput {
 public:
  explicit GzipOutput(Output& output);
  GzipOutput(const GzipOutput&) = delete;
  GzipOutput& operator=(const GzipOutput&) = delete;
  ~GzipOutput() { deflateEnd(&stream_); }
  void write(std::string_view text) { compress(text, Z_NO_FLUSH); }
  void finish() { compress({}, Z_FINISH); }

 private:
  void compress(std::string_view text, int flush);

  Output& output_;
  z_stream stream_{};
};

// A text as JSON writes it, with its quotation marks; all ASCII.
std::string json_text(const std::string& text);

}  // namespace weir::cli

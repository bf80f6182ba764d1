// An output in the gzip format.
#pragma once

#include <zlib.h>

#include <string_view>

#include "cli/output.h"

namespace weir::cli {

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

}  // namespace weir::cli

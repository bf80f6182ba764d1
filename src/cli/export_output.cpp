#include "cli/export_output.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "cli/error.h"

namespace weir::cli {

Output::Output(const std::string& path) : path_(path) {
  struct stat status;
  if (path == "-") {
    file_ = stdout;
  } else if (lstat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) {
    new_file_.emplace(path);
  } else {
    file_ = std::fopen(path.c_str(), "we");
    if (file_ == nullptr) fail();
  }
}

Output::~Output() {
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

void Output::fail() const {
  throw Error(kExitOwnFailure, (path_ == "-" ? "the standard output" : path_) + ": " + std::strerror(errno));
}

void Output::write(std::string_view text) {
  if (new_file_) {
    new_file_->write(text);
  } else if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) {
    fail();
  }
  written_bytes_ += text.size();
}

void Output::finish() {
  if (new_file_) return new_file_->commit();
  if (std::fflush(file_) != 0) fail();
}

GzipOutput::GzipOutput(Output& output) : output_(output) {
  constexpr int kGzip = 16, kWindowBits = 15, kMemoryLevel = 8;  // zlib.h, deflateInit2
  if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindowBits + kGzip, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    throw Error(kExitOwnFailure, "export: there is no memory to compress with");
}

void GzipOutput::compress(std::string_view text, int flush) {
  std::array<unsigned char, 16384> compressed;
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream_.avail_in = static_cast<uInt>(text.size());
  do {
    stream_.next_out = compressed.data();
    stream_.avail_out = static_cast<uInt>(compressed.size());
    deflate(&stream_, flush);  // fails for wrong arguments alone
    output_.write({reinterpret_cast<char*>(compressed.data()), compressed.size() - stream_.avail_out});
  } while (stream_.avail_out == 0);
}

std::string json_text(const std::string& text) {
  return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace weir::cli

#include "cli/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "cli/error.h"

namespace weir::cli {
namespace {

// What the superuser replaces stays its user's.
bool keep_owner(const std::string& path, int fd) {
  struct stat status {};
  return geteuid() != 0 || stat(path.c_str(), &status) != 0 || fchown(fd, status.st_uid, status.st_gid) == 0;
}

}  // namespace

Output::Output(const std::string& path) : path_(path) {
  struct stat status {};
  int fd = -1;
  if (path == "-") {
    stream_ = stdout;
    return;
  }
  if (lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  } else {
    temporary_ = path + ".XXXXXX";
    fd = mkostemp(temporary_.data(), O_CLOEXEC);  // 0600
  }
  if (fd < 0) fail();
  stream_ = fdopen(fd, "w");
}

Output::~Output() {
  if (stream_ != stdout) std::fclose(stream_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void Output::write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stream_) != text.size()) fail();
  written_bytes_ += text.size();
}

void Output::finish() {
  if (std::fflush(stream_) != 0) fail();
  if (temporary_.empty()) return;
  if (!keep_owner(path_, fileno(stream_)) || rename(temporary_.c_str(), path_.c_str()) != 0) fail();
  temporary_.clear();
}

void Output::fail() const {
  throw Error(kExitOwnFailure, (path_ == "-" ? "the standard output" : path_) + ": " + std::strerror(errno));
}

void write_output(const std::string& path, std::string_view text) {
  Output output(path);
  output.write(text);
  output.finish();
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

}  // namespace weir::cli

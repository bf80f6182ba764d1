#include "cli/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
  if (path == "-") {
    stream_ = stdout;
    return;
  }
  struct stat status {};
  int fd = -1;
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

}  // namespace weir::cli

#include "cli/report_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/error.h"

namespace weir::cli {
namespace {

constexpr size_t kBufferBytes = 256 << 10;
constexpr uint64_t kLargeBytes = 64 << 20;  // a file that takes a second or more

}  // namespace

void refuse_report(const std::string& path, const std::string& what) {
  throw Error(kExitBadReport, path + ": " + what);
}

OpenReport::OpenReport(const std::string& path)
    : path_(path), fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (fd_ < 0) refuse_report(path, std::strerror(errno));
  struct stat status;
  if (fstat(fd_, &status) == 0 && S_ISREG(status.st_mode)) return;
  close(fd_);
  refuse_report(path, "expected a regular file");
}

OpenReport::~OpenReport() { close(fd_); }

uint64_t OpenReport::bytes() const {
  struct stat status;
  return fstat(fd_, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

ReportInput::ReportInput(const OpenReport& file)
    : path_(file.path()), fd_(file.fd()), file_bytes_(file.bytes()), buffer_(kBufferBytes) {
  if (lseek(fd_, 0, SEEK_SET) != 0) refuse_report(path_, std::strerror(errno));
  skip_blanks();
}

ReportInput::~ReportInput() {
  if (shown_percent_ >= 0) std::fputs("\r\033[K", stderr);
}

bool ReportInput::fill() {
  const ssize_t got = read(fd_, buffer_.data(), buffer_.size());
  if (got < 0) refuse_report(path_, std::strerror(errno));
  read_bytes_ += static_cast<uint64_t>(got);
  at_ = buffer_.data();
  limit_ = at_ + got;
  if (file_bytes_ >= kLargeBytes) show_progress();
  return got > 0;
}

void ReportInput::show_progress() {
  if (isatty(STDERR_FILENO) != 1) return;  // guard: progress-on-terminal
  const int percent = static_cast<int>(read_bytes_ * 100 / file_bytes_);
  if (percent == shown_percent_) return;
  shown_percent_ = percent;
  std::fprintf(stderr, "\rweir: reading a report of %llu MB: %d %%",
               static_cast<unsigned long long>(file_bytes_ / 1'000'000), percent);
}

void ReportInput::skip_blanks() {
  const Iterator end;
  Iterator at(this);
  for (; at != end && std::strchr(" \t\r\n", *at) != nullptr && *at != '\0'; ++at) ++skipped_bytes_;
  const std::string where = "byte " + std::to_string(skipped_bytes_) + ": expected a Weir report, ";
  if (at == end) refuse_report(path_, "byte 0: expected a Weir report, found an empty file");
  if (*at != '{') refuse_report(path_, where + "which begins with '{'");
}

void ReportInput::refuse(const nlohmann::detail::exception& error, uint64_t parsed_bytes) const {
  const uint64_t byte = skipped_bytes_ + (parsed_bytes > 0 ? parsed_bytes - 1 : 0);
  constexpr int kNumberOutOfRange = 406;  // nlohmann's number of it
  if (error.id == kNumberOutOfRange)
    refuse_report(path_, "byte " + std::to_string(byte) + ": expected a number, found one out of range");
  if (byte >= read_bytes_) {
    refuse_report(path_,
                  "byte " + std::to_string(read_bytes_) + ": expected the report to go on; the file is truncated");
  }
  refuse_report(path_, "byte " + std::to_string(byte) + ": expected valid JSON");
}

}  // namespace weir::cli

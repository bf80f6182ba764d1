#include "core/print.h"

#include <signal.h>
#include <sys/stat.h>

#include <cstring>

#include "core/confinement.h"
#include "core/system_call.h"

namespace weir::core {
namespace {
bool quiet_mode = false;
constexpr size_t kLineBytes = 1024;

struct FileIdentity {
  bool is_data = false;  // a regular file or a socket: who reads it expects the program's own
  uint64_t device = 0, inode = 0;
};
FileIdentity standard_error;
bool standard_error_known = false;

FileIdentity identity_of(int fd) {
  struct stat status {};
  if (system_call(SYS_fstat, fd, as_argument(&status)) != 0) return {};
  return {S_ISREG(status.st_mode) || S_ISSOCK(status.st_mode), status.st_dev, status.st_ino};
}

// A file or a connection that was not there at the start.
bool is_programs_file(int fd) {
  if (system_calls_restricted()) return true;
  if (!standard_error_known) return false;
  const FileIdentity now = identity_of(fd);
  return now.is_data && (now.device != standard_error.device || now.inode != standard_error.inode);
}

// A pipe that nobody reads any more would end the program by SIGPIPE, which has written nothing to it itself.
void write_without_signal(int fd, const char* text, size_t length) {
  constexpr uint64_t kPipe = uint64_t{1} << (SIGPIPE - 1);
  uint64_t before = 0, pending = 0;
  system_call(SYS_rt_sigprocmask, SIG_BLOCK, as_argument(&kPipe), as_argument(&before), sizeof kPipe);
  system_call(SYS_rt_sigpending, as_argument(&pending), sizeof pending);
  write_file(fd, text, length);
  constexpr timespec kAtOnce{};
  if ((pending & kPipe) == 0)  // guard: pipe-signal
    system_call(SYS_rt_sigtimedwait, as_argument(&kPipe), 0, as_argument(&kAtOnce), sizeof kPipe);
  system_call(SYS_rt_sigprocmask, SIG_SETMASK, as_argument(&before), 0, sizeof before);
}
}  // namespace

TextBuffer::TextBuffer(char* storage, size_t capacity) : storage_(storage), capacity_(capacity) {
  if (capacity_ > 0) storage_[0] = '\0';
}

TextBuffer& TextBuffer::text(const char* string, size_t length) {
  const size_t room = capacity_ > length_ ? capacity_ - length_ - 1 : 0;
  if (length > room) {
    length = room;
    truncated_ = true;
  }
  memcpy(storage_ + length_, string, length);
  length_ += length;
  if (capacity_ > 0) storage_[length_] = '\0';
  return *this;
}

TextBuffer& TextBuffer::text(const char* string) { return string == nullptr ? *this : text(string, strlen(string)); }
TextBuffer& TextBuffer::character(char c) { return text(&c, 1); }

TextBuffer& TextBuffer::decimal(uint64_t value) {
  char digits[20];
  size_t first = sizeof digits;
  do {
    digits[--first] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return text(digits + first, sizeof digits - first);
}

TextBuffer& TextBuffer::signed_decimal(int64_t value) {
  if (value >= 0) return decimal(static_cast<uint64_t>(value));
  return character('-').decimal(uint64_t{0} - static_cast<uint64_t>(value));
}

TextBuffer& TextBuffer::hex(uint64_t value) {
  char digits[16];
  size_t first = sizeof digits;
  do {
    digits[--first] = "0123456789abcdef"[value & 15];
    value >>= 4;
  } while (value != 0);
  return text(digits + first, sizeof digits - first);
}

void set_quiet(bool quiet) { quiet_mode = quiet; }

void remember_standard_error() {
  standard_error = identity_of(2);
  standard_error_known = true;
}

void print_line(const char* line) {
  if (quiet_mode || is_programs_file(2)) return;
  char storage[kLineBytes];
  TextBuffer buffer(storage, sizeof storage - 1);
  buffer.text("weir: ").text(line);
  storage[buffer.length()] = '\n';
  write_without_signal(2, storage, buffer.length() + 1);
}

void fatal_self_check(const char* what) {
  quiet_mode = false;
  char storage[kLineBytes];
  print_line(TextBuffer(storage).text("self-check failed: ").text(what).c_str());
  system_call(SYS_tgkill, current_pid(), current_tid(), SIGABRT);
  system_call(SYS_exit_group, 134);
  __builtin_unreachable();
}

}  // namespace weir::core

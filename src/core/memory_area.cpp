#include "core/memory_area.h"

#include <cstddef>
#include <cstring>

#include "core/system_call.h"

namespace weir::core {
namespace {

constexpr size_t kReadBytes = 4096;
constexpr size_t kLineBytes = 96;  // of a line's beginning: what a path says beyond its first letters is not wanted

uintptr_t take_hex(const char*& text) {
  uintptr_t value = 0;
  for (;; ++text) {
    const char c = *text;
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return value;
    value = value << 4 | static_cast<uintptr_t>(digit);
  }
}

// "7f..-7f.. rw-p 00000000 00:00 0    [heap]"
MemoryArea parse(const char* line) {
  MemoryArea area;
  area.start = take_hex(line);
  if (*line == '-') ++line;
  area.end = take_hex(line);
  if (*line == ' ') ++line;
  area.is_readable = line[0] == 'r';
  area.is_writable = line[0] != '\0' && line[1] == 'w';
  const char* name = line + strcspn(line, "/[");
  area.is_file = *name == '/';
  area.is_heap = strncmp(name, "[heap]", 6) == 0;
  area.is_stack = strncmp(name, "[stack]", 7) == 0;
  return area;
}

// The lines of the file, cut at kLineBytes, from one buffer on the stack.
class Lines {
 public:
  explicit Lines(int fd) : fd_(fd) {}

  bool next(char (&line)[kLineBytes]) {
    size_t length = 0;
    for (char c = take(); c != '\0'; c = take()) {
      if (c == '\n') {
        line[length] = '\0';
        return true;
      }
      if (length + 1 < kLineBytes) line[length++] = c;
    }
    return false;
  }

 private:
  char take() {
    if (at_ == held_) {
      const long got = read_file(fd_, buffer_, kReadBytes);
      if (got <= 0) return '\0';
      held_ = static_cast<size_t>(got);
      at_ = 0;
    }
    return buffer_[at_++];
  }

  int fd_;
  char buffer_[kReadBytes];
  size_t held_ = 0, at_ = 0;
};

}  // namespace

AreaAnswer find_memory_area(uintptr_t address, MemoryArea* area) {
  const int fd = open_file("/proc/thread-self/maps", O_RDONLY);
  if (fd < 0) return AreaAnswer::unknown;
  AreaAnswer answer = AreaAnswer::none;
  Lines lines(fd);
  char line[kLineBytes];
  while (lines.next(line)) {
    *area = parse(line);
    if (area->start > address) break;  // they come in order
    if (!area->holds(address)) continue;
    answer = AreaAnswer::found;
    break;
  }
  close_file(fd);
  return answer;
}

}  // namespace weir::core

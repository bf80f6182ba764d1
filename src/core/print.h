// Bounded text without the heap: a fixed buffer that never overflows, and the one way to say something on stderr.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::core {

// Text built piece by piece in a caller's buffer; what does not fit is cut, and truncated() says so. Always 0-terminated.
class TextBuffer {
 public:
  TextBuffer(char* storage, size_t capacity);
  template <size_t N>
  explicit TextBuffer(char (&storage)[N]) : TextBuffer(storage, N) {}

  TextBuffer& text(const char* string);  // nullptr prints nothing
  TextBuffer& text(const char* string, size_t length);
  TextBuffer& character(char c);
  TextBuffer& decimal(uint64_t value);
  TextBuffer& signed_decimal(int64_t value);
  TextBuffer& hex(uint64_t value);

  const char* c_str() const { return storage_; }
  size_t length() const { return length_; }
  bool truncated() const { return truncated_; }

 private:
  char* storage_;
  size_t capacity_;
  size_t length_ = 0;
  bool truncated_ = false;
};

// Writes "weir: <line>\n" to descriptor 2 in one write. Silent under WEIR_QUIET (see set_quiet).
void print_line(const char* line);
void set_quiet(bool quiet);

// From the process's start: a file that the program opens as descriptor 2 later is its own, and no line goes into it.
void remember_standard_error();

// Ends the process after a line: for a broken invariant of Weir's own under WEIR_DEBUG only.
[[noreturn]] void fatal_self_check(const char* what);

}  // namespace weir::core

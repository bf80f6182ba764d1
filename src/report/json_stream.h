// JSON written as it is made: a fixed buffer, big writes, no tree in memory. What comes out is always valid JSON in
// valid UTF-8, whatever bytes the texts hold; the caller is responsible for balanced begin and end calls only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::report {

class JsonStream {
 public:
  // Writes to `fd` through `buffer` (at least kSmallestBuffer bytes), at most `limit_bytes` in all. Owns neither.
  JsonStream(int fd, char* buffer, size_t capacity, uint64_t limit_bytes = UINT64_MAX);
  static constexpr size_t kSmallestBuffer = 256;

  JsonStream& begin_object();
  JsonStream& end_object();
  JsonStream& begin_array();
  JsonStream& end_array();

  // A key of the program's own: plain ASCII that needs no escape.
  template <size_t N>
  JsonStream& key(const char (&name)[N]) {
    static_assert(N < kSmallestBuffer);
    return plain_key(name, N - 1);
  }
  // Any text as a key.
  JsonStream& text_key(const char* name);

  JsonStream& text(const char* value);  // nullptr: null
  JsonStream& number(uint64_t value);
  JsonStream& signed_number(int64_t value);
  JsonStream& boolean(bool value);
  JsonStream& null();
  JsonStream& address(uint64_t value);  // "0x7f..."
  JsonStream& hex_bytes(const uint8_t* bytes, size_t count);
  JsonStream& ratio(double value);  // cut to 0..1, six decimals; what is no number is 0

  // Writes what is still in the buffer. The first error of any write, as a positive errno, or 0; after an error
  // everything further is dropped.
  int finish();
  int error() const { return error_; }
  uint64_t bytes_written() const { return written_; }  // without what is still in the buffer

 private:
  static constexpr int kMaxDepth = 16;
  static constexpr int kNewlineDepth = 2;  // what lies at most this deep begins on a line of its own

  JsonStream& plain_key(const char* name, size_t length);
  void before_value();
  void separate();
  void open(char bracket);
  void close(char bracket);
  void reserve(size_t count);
  void put_reserved(char c);
  void put_reserved(const char* bytes, size_t count);
  void put(char c);
  void put(const char* bytes, size_t count);
  void put_escaped(const char* text);
  void put_escape(unsigned char c);
  void put_decimal(uint64_t value);
  void flush();

  int fd_;
  char* buffer_;
  size_t capacity_;
  uint64_t limit_;
  size_t used_ = 0;
  uint64_t written_ = 0;
  int error_ = 0;
  int depth_ = 0;
  bool after_key_ = false;
  bool has_element_[kMaxDepth + 1]{};
};

}  // namespace weir::report

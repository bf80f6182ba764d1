#include "report/json_stream.h"

#include <errno.h>

#include <charconv>
#include <cstring>

#include "core/system_call.h"

namespace weir::report {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr size_t kLongestNumber = 20;  // digits of 2^64 - 1
constexpr size_t kSeparatorBytes = 2;
constexpr char kReplacement[] = "\xef\xbf\xbd";  // U+FFFD

bool is_continuation(unsigned char c) { return (c & 0xc0) == 0x80; }

// Length of the well-formed UTF-8 sequence at `bytes` (Unicode's table 3-7), or 0. Stops at the final 0.
size_t sequence_length(const unsigned char* bytes) {
  const unsigned char lead = bytes[0], second = bytes[1];
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4 || !is_continuation(second)) return 0;
  if (lead < 0xe0) return 2;
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool outside = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
  if (overlong || outside || !is_continuation(bytes[2])) return 0;
  if (lead < 0xf0) return 3;
  return is_continuation(bytes[3]) ? 4 : 0;
}

bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

}  // namespace

JsonStream::JsonStream(int fd, char* buffer, size_t capacity, uint64_t limit_bytes)
    : fd_(fd), buffer_(buffer), capacity_(capacity), limit_(limit_bytes) {}

void JsonStream::flush() {
  if (error_ == 0 && used_ > limit_ - written_) error_ = EFBIG;
  for (size_t done = 0; error_ == 0 && done < used_;) {
    const long result = core::write_file(fd_, buffer_ + done, used_ - done);
    if (result == -EINTR) continue;
    if (result <= 0) {
      error_ = result == 0 ? EIO : static_cast<int>(-result);
      break;
    }
    done += static_cast<size_t>(result);
    written_ += static_cast<uint64_t>(result);
  }
  used_ = 0;
}

// Room for `count` bytes, at most kSmallestBuffer, that put_reserved() then takes without looking.
inline void JsonStream::reserve(size_t count) {
  if (capacity_ - used_ < count) [[unlikely]]
    flush();
}

inline void JsonStream::put_reserved(char c) { buffer_[used_++] = c; }

inline void JsonStream::put_reserved(const char* bytes, size_t count) {
  memcpy(buffer_ + used_, bytes, count);
  used_ += count;
}

inline void JsonStream::put(char c) {
  reserve(1);
  put_reserved(c);
}

void JsonStream::put(const char* bytes, size_t count) {
  while (count > capacity_ - used_) {
    const size_t part = capacity_ - used_;
    memcpy(buffer_ + used_, bytes, part);
    used_ += part;
    bytes += part;
    count -= part;
    flush();
  }
  memcpy(buffer_ + used_, bytes, count);
  used_ += count;
}

inline void JsonStream::put_decimal(uint64_t value) {
  reserve(kLongestNumber);
  used_ = static_cast<size_t>(std::to_chars(buffer_ + used_, buffer_ + capacity_, value).ptr - buffer_);
}

void JsonStream::put_escape(unsigned char c) {
  put('\\');
  switch (c) {
    case '"':
    case '\\':
      return put(static_cast<char>(c));
    case '\n':
      return put('n');
    case '\t':
      return put('t');
    case '\r':
      return put('r');
    default:
      put("u00", 3);
      put(kHexDigits[c >> 4]);
      put(kHexDigits[c & 15]);
  }
}

void JsonStream::put_escaped(const char* text) {
  put('"');
  const auto* at = reinterpret_cast<const unsigned char*>(text);
  while (*at != 0) {
    const unsigned char* run = at;
    while (is_plain(*at)) ++at;
    put(reinterpret_cast<const char*>(run), static_cast<size_t>(at - run));
    if (*at == 0) break;
    const size_t length = sequence_length(at);
    if (length == 0) {
      put(kReplacement, sizeof kReplacement - 1);
      ++at;
    } else if (length == 1) {
      put_escape(*at++);
    } else {
      put(reinterpret_cast<const char*>(at), length);
      at += length;
    }
  }
  put('"');
}

inline void JsonStream::separate() {
  reserve(kSeparatorBytes);
  if (has_element_[depth_]) put_reserved(',');
  has_element_[depth_] = true;
  if (depth_ > 0 && depth_ <= kNewlineDepth) put_reserved('\n');
}

inline void JsonStream::before_value() {
  if (after_key_) {
    after_key_ = false;
  } else {
    separate();
  }
}

void JsonStream::open(char bracket) {
  before_value();
  put(bracket);
  if (depth_ < kMaxDepth) ++depth_;
  has_element_[depth_] = false;
}

void JsonStream::close(char bracket) {
  put(bracket);
  if (depth_ > 0) --depth_;
  if (depth_ == 0) put('\n');
}

JsonStream& JsonStream::begin_object() { return open('{'), *this; }
JsonStream& JsonStream::end_object() { return close('}'), *this; }
JsonStream& JsonStream::begin_array() { return open('['), *this; }
JsonStream& JsonStream::end_array() { return close(']'), *this; }

JsonStream& JsonStream::plain_key(const char* name, size_t length) {
  constexpr size_t kPunctuationBytes = 3;
  separate();
  reserve(length + kPunctuationBytes);
  put_reserved('"');
  put_reserved(name, length);
  put_reserved("\":", 2);
  after_key_ = true;
  return *this;
}

JsonStream& JsonStream::text_key(const char* name) {
  separate();
  put_escaped(name);
  put(':');
  after_key_ = true;
  return *this;
}

JsonStream& JsonStream::text(const char* value) {
  if (value == nullptr) return null();
  before_value();
  put_escaped(value);
  return *this;
}

JsonStream& JsonStream::number(uint64_t value) {
  before_value();
  put_decimal(value);
  return *this;
}

JsonStream& JsonStream::signed_number(int64_t value) {
  before_value();
  if (value < 0) put('-');
  put_decimal(value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value));
  return *this;
}

JsonStream& JsonStream::boolean(bool value) {
  before_value();
  value ? put("true", 4) : put("false", 5);
  return *this;
}

JsonStream& JsonStream::null() {
  before_value();
  put("null", 4);
  return *this;
}

JsonStream& JsonStream::address(uint64_t value) {
  char digits[16];
  size_t first = sizeof digits;
  do {
    digits[--first] = kHexDigits[value & 15];
    value >>= 4;
  } while (value != 0);
  before_value();
  put("\"0x", 3);
  put(digits + first, sizeof digits - first);
  put('"');
  return *this;
}

JsonStream& JsonStream::hex_bytes(const uint8_t* bytes, size_t count) {
  before_value();
  put('"');
  for (size_t i = 0; i < count; ++i) {
    put(kHexDigits[bytes[i] >> 4]);
    put(kHexDigits[bytes[i] & 15]);
  }
  put('"');
  return *this;
}

JsonStream& JsonStream::ratio(double value) {
  constexpr uint64_t kScale = 1'000'000;
  constexpr int kDecimals = 6;
  before_value();
  const uint64_t scaled = value >= 1 ? kScale : value > 0 ? static_cast<uint64_t>(value * kScale + 0.5) : 0;
  char digits[kDecimals];
  uint64_t rest = scaled % kScale;
  for (int i = kDecimals - 1; i >= 0; --i, rest /= 10) digits[i] = static_cast<char>('0' + rest % 10);
  put(scaled >= kScale ? "1." : "0.", 2);
  put(digits, kDecimals);
  return *this;
}

int JsonStream::finish() {
  flush();
  return error_;
}

}  // namespace weir::report

// Reads what .eh_frame and .eh_frame_hdr are made of. The DWARF names used here and where they are interpreted are those of the DWARF 5 and
// LSB "exception frames" specifications.
#pragma once

#include <cstdint>
#include <cstring>

namespace weir::stack {

// Registers by their numbers in DWARF.
inline constexpr uint64_t kRegisterRbp = 6, kRegisterRsp = 7, kRegisterReturn = 16;

// How a pointer is encoded.
inline constexpr uint8_t kPointerOmitted = 0xff, kPointerIndirect = 0x80, kApplicationMask = 0x70, kFormatMask = 0x0f;
inline constexpr uint8_t kRelativeToPc = 0x10, kRelativeToData = 0x30;

// Reads DWARF's encodings; past the end it gives zeros and stays failed.
class DwarfReader {
 public:
  DwarfReader(uintptr_t start, uintptr_t end) : at_(start), end_(end), failed_(start == 0 || end < start) {}

  uintptr_t at() const { return at_; }
  uintptr_t end() const { return end_; }
  bool failed() const { return failed_; }
  bool more() const { return !failed_ && at_ < end_; }
  void fail() { failed_ = true; }

  template <class T>
  T fixed() {
    T value{};
    if (!take(sizeof(T))) return value;
    memcpy(&value, reinterpret_cast<const void*>(at_ - sizeof(T)), sizeof(T));
    return value;
  }

  uint64_t uleb() {
    uint64_t value = 0;
    for (unsigned shift = 0; !failed_; shift += 7) {
      const uint8_t byte = fixed<uint8_t>();
      if (shift < 64) value |= uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80) == 0) break;
    }
    return value;
  }

  int64_t sleb() {
    uint64_t value = 0;
    for (unsigned shift = 0; !failed_;) {
      const uint8_t byte = fixed<uint8_t>();
      if (shift < 64) value |= uint64_t{byte & 0x7fU} << shift;
      shift += 7;
      if ((byte & 0x80) != 0) continue;
      if (shift < 64 && (byte & 0x40) != 0) value |= ~uint64_t{0} << shift;
      break;
    }
    return static_cast<int64_t>(value);
  }

  // An encoded pointer; an indirect one is not followed but fails.
  uintptr_t pointer(uint8_t encoding, uintptr_t data_base) {
    if (encoding == kPointerOmitted) return 0;
    const uintptr_t place = at_;
    uintptr_t value = unapplied(encoding);
    if ((encoding & kPointerIndirect) != 0) fail();
    switch (encoding & kApplicationMask) {
      case 0:
        return value;
      case kRelativeToPc:
        return value + place;
      case kRelativeToData:
        return value + data_base;
      default:
        fail();
        return 0;
    }
  }

  void skip(uint64_t bytes) { take(bytes); }

  // A reader of the next `bytes`, which this one passes over.
  DwarfReader block(uint64_t bytes) {
    const uintptr_t start = at_;
    return take(bytes) ? DwarfReader(start, start + bytes) : DwarfReader(0, 0);
  }

 private:
  bool take(uint64_t bytes) {
    if (failed_ || bytes > end_ - at_) {
      failed_ = true;
      return false;
    }
    at_ += bytes;
    return true;
  }

  uintptr_t unapplied(uint8_t encoding) {
    switch (encoding & kFormatMask) {
      case 0x0:
      case 0x4:
      case 0xc:
        return fixed<uint64_t>();
      case 0x1:
        return uleb();
      case 0x2:
        return fixed<uint16_t>();
      case 0x3:
        return fixed<uint32_t>();
      case 0x9:
        return static_cast<uintptr_t>(sleb());
      case 0xa:
        return static_cast<uintptr_t>(int64_t{fixed<int16_t>()});
      case 0xb:
        return static_cast<uintptr_t>(int64_t{fixed<int32_t>()});
      default:
        fail();
        return 0;
    }
  }

  uintptr_t at_, end_;
  bool failed_;
};

}  // namespace weir::stack

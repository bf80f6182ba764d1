#include "stack/python/line_table.h"

namespace weir::stack::python {
namespace {

// What an entry's first byte says: that it is one, its kind, and how many units it covers, less 1.
constexpr uint8_t kEntryBit = 0x80;
constexpr uint8_t kLengthMask = 7;
constexpr int kKindShift = 3;
constexpr uint8_t kKindMask = 15;

// Kinds below that one are on the line before; the next three so many lines further as they are above it.
constexpr uint8_t kFirstOneLine = 10, kLastOneLine = 12, kNoColumns = 13, kLong = 14, kNoLocation = 15;

// A number in pieces of six bits, the lowest first; bit 6 says that another follows.
constexpr int kPieceBits = 6;
constexpr uint8_t kPieceMask = (1 << kPieceBits) - 1, kMorePieces = 1 << kPieceBits;
constexpr int kMostPieceShift = 30;

// From `at` on; 0 where the table ends first.
uint32_t number_at(std::span<const uint8_t> table, size_t at) {
  uint32_t value = 0;
  for (int shift = 0; at < table.size() && shift <= kMostPieceShift; shift += kPieceBits, ++at) {
    value |= uint32_t{static_cast<uint8_t>(table[at] & kPieceMask)} << shift;
    if ((table[at] & kMorePieces) == 0) return value;
  }
  return 0;
}

// The sign is in the lowest bit.
int64_t signed_number_at(std::span<const uint8_t> table, size_t at) {
  const uint32_t value = number_at(table, at);
  const auto magnitude = static_cast<int64_t>(value >> 1);
  return (value & 1) != 0 ? -magnitude : magnitude;
}

int64_t line_delta_at(std::span<const uint8_t> table, size_t at) {
  const uint8_t kind = table[at] >> kKindShift & kKindMask;
  if (kind == kNoColumns || kind == kLong) return signed_number_at(table, at + 1);
  return kind >= kFirstOneLine && kind <= kLastOneLine ? kind - kFirstOneLine : 0;
}

}  // namespace

uint32_t line_at(std::span<const uint8_t> table, int64_t first_line, size_t unit) {
  int64_t line = first_line;
  size_t end = 0;
  for (size_t at = 0; at < table.size(); ++at) {
    if ((table[at] & kEntryBit) == 0) continue;
    line += line_delta_at(table, at);
    end += size_t{static_cast<uint8_t>(table[at] & kLengthMask)} + 1;
    if (unit >= end) continue;
    const bool has_line = (table[at] >> kKindShift & kKindMask) != kNoLocation && line > 0 && line <= INT32_MAX;
    return has_line ? static_cast<uint32_t>(line) : 0;
  }
  return 0;
}

}  // namespace weir::stack::python

#include "runtime/guarded_blocks.h"

#include <cstring>

#include "pool/page_identity.h"
#include "runtime/quarantine.h"
#include "track/live_set.h"

namespace weir::runtime {

bool blocks_are_guarded;

namespace {

// Of a bound's byte: never 0, which is what a text written one too far leaves, and another one than its neighbours'.
uint8_t bound_byte(uintptr_t address) { return static_cast<uint8_t>(0xa0 | ((address * 7) & 0x0f)); }

constexpr uint8_t kFreedByte = 0xdb;

struct Range {
  uintptr_t start, end;
};

Range in_front(const GuardedBlock& block) {
  const uintptr_t room = block.user - block.base;
  return {block.user - (room < kMostBoundBytes ? room : kMostBoundBytes), block.user};
}

Range behind(const GuardedBlock& block) {
  const uintptr_t start = block.user + block.bytes;
  const uintptr_t end = block.base + pool::block_page(reinterpret_cast<void*>(block.base)).block_bytes;
  return {start, end - start < kMostBoundBytes ? end : start + kMostBoundBytes};
}

void fill(Range range) {
  for (uintptr_t at = range.start; at < range.end; ++at) *reinterpret_cast<uint8_t*>(at) = bound_byte(at);
}

uintptr_t first_changed(Range range) {
  for (uintptr_t at = range.start; at < range.end; ++at) {
    if (*reinterpret_cast<const volatile uint8_t*>(at) != bound_byte(at)) return at;
  }
  return 0;
}

}  // namespace

void guard_blocks(uint64_t quarantine_bytes) {
  blocks_are_guarded = true;
  track::set_front_bytes(kFrontBytes);
  configure_quarantine(quarantine_bytes);
}

size_t guarded_bytes(size_t bytes, size_t alignment) {
  size_t total = 0;
  const size_t beside = kFrontBytes + kLeastBehindBytes + alignment;
  return __builtin_add_overflow(bytes, beside, &total) ? 0 : total;
}

void draw_bounds(const GuardedBlock& block) {
  fill(in_front(block));
  fill(behind(block));
}

// Behind first: most write on where a block ends.
uintptr_t find_overflow(const GuardedBlock& block) {
  const uintptr_t changed = first_changed(behind(block));
  return changed != 0 ? changed : first_changed(in_front(block));
}

void fill_freed(const GuardedBlock& block) { memset(reinterpret_cast<void*>(block.user), kFreedByte, block.bytes); }

uintptr_t find_late_write(const GuardedBlock& block) {
  constexpr uint64_t kFreedWord = uint64_t{0x0101010101010101} * kFreedByte;
  const uintptr_t end = block.user + block.bytes;
  uintptr_t at = block.user;
  for (uint64_t word = 0; at + sizeof word <= end; at += sizeof word) {
    memcpy(&word, reinterpret_cast<const void*>(at), sizeof word);
    if (word != kFreedWord) break;
  }
  for (; at < end; ++at) {
    if (*reinterpret_cast<const volatile uint8_t*>(at) != kFreedByte) return at;
  }
  return 0;
}

}  // namespace weir::runtime

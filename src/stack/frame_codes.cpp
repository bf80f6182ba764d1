#include "stack/frame_codes.h"

#include <atomic>

#include "core/arena.h"
#include "core/large_table.h"
#include "core/spin_lock.h"
#include "stack/chunked_array.h"

namespace weir::stack {
namespace {

constexpr int kOffsetBits = 20;
constexpr uint64_t kOffsetMask = (uint64_t{1} << kOffsetBits) - 1;
constexpr uint32_t kMostRegions = 1U << (kFrameCodeBits - kOffsetBits);  // none has number 0
constexpr uint32_t kFirstLog = 7;
constexpr int kLogShift = 56;

using Slot = std::atomic<uint32_t>;

// The region numbers by a hash, at most half of the slots in use. Table and size in one word, so that readers see both of
// the same; outgrown ones stay readable.
struct Slots {
  Slot* first;
  uint32_t log;

  explicit Slots(uint64_t packed)
      : first(reinterpret_cast<Slot*>(packed & ((uint64_t{1} << kLogShift) - 1))),
        log(static_cast<uint32_t>(packed >> kLogShift)) {}
  uint32_t mask() const { return (1U << log) - 1; }
  uint32_t first_of(uint64_t region) const {
    return static_cast<uint32_t>((region * 0x9e3779b97f4a7c15) >> (64 - log));
  }
};

WEIR_LARGE_TABLE EvenlyChunkedArray<std::atomic<uint64_t>, 64, kMostRegions> regions;  // keys without their offsets
uint32_t region_count = 1;
std::atomic<uint64_t> slot_table{0};
std::atomic<size_t> slot_bytes{0};
core::SpinLock regions_lock;

// The number of a region; 0 where it is not known.
uint32_t find_region(uint64_t region) {
  const uint64_t packed = slot_table.load(std::memory_order_acquire);
  if (packed == 0) [[unlikely]]
    return 0;
  const Slots slots(packed);
  for (uint32_t at = slots.first_of(region);; at = (at + 1) & slots.mask()) {
    const uint32_t number = slots.first[at].load(std::memory_order_acquire);
    if (number == 0 || regions[number].load(std::memory_order_relaxed) == region) return number;
  }
}

void put(const Slots& slots, uint32_t number) {
  uint32_t at = slots.first_of(regions[number].load(std::memory_order_relaxed));
  while (slots.first[at].load(std::memory_order_relaxed) != 0) at = (at + 1) & slots.mask();
  slots.first[at].store(number, std::memory_order_release);
}

bool make_room() {
  const uint64_t packed = slot_table.load(std::memory_order_relaxed);
  const Slots old(packed);
  if (packed != 0 && region_count < (1U << old.log) / 2) return true;
  const uint32_t log = packed == 0 ? kFirstLog : old.log + 1;
  auto* first = core::arena_array<Slot>(size_t{1} << log);
  if (first == nullptr) return false;
  const uint64_t next = reinterpret_cast<uintptr_t>(first) | uint64_t{log} << kLogShift;
  for (uint32_t number = 1; number < region_count; ++number) put(Slots(next), number);
  slot_bytes.fetch_add(sizeof(Slot) << log, std::memory_order_relaxed);
  slot_table.store(next, std::memory_order_release);
  return true;
}

// A fork between any two steps leaves the child whole tables, in which at worst a region has a number for nothing.
[[gnu::noinline]] uint32_t add_region(uint64_t region) {
  core::LockScope scope(regions_lock);
  const uint32_t present = find_region(region);
  if (present != 0) return present;
  if (region_count == kMostRegions || !regions.reserve(region_count) || !make_room()) return 0;
  const uint32_t number = region_count;
  regions[number].store(region, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  region_count = number + 1;
  put(Slots(slot_table.load(std::memory_order_relaxed)), number);
  return number;
}

}  // namespace

uint64_t code_of(FrameKey key) {
  const auto bits = static_cast<uint64_t>(key);
  const uint64_t region = bits >> kOffsetBits;
  uint32_t number = find_region(region);
  if (number == 0) [[unlikely]]
    number = add_region(region);
  return number == 0 ? kNoFrameCode : uint64_t{number} << kOffsetBits | (bits & kOffsetMask);
}

FrameKey key_of(uint64_t code) {
  const auto number = static_cast<uint32_t>(code >> kOffsetBits);
  return static_cast<FrameKey>(regions[number].load(std::memory_order_relaxed) << kOffsetBits | (code & kOffsetMask));
}

size_t frame_codes_bytes() { return regions.bytes() + slot_bytes.load(std::memory_order_relaxed); }

void frame_codes_reset_after_fork() { regions_lock.reset_after_fork(); }

}  // namespace weir::stack

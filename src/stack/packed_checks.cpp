#include "stack/packed_checks.h"

#include <cstring>

namespace weir::stack {
namespace {

constexpr int kWordBits = 3;
constexpr uintptr_t kBytesInWord = (uintptr_t{1} << kWordBits) - 1;
constexpr uintptr_t kMostReach = PackedCheck::kMostDistance << kWordBits;
constexpr uint64_t kEnd = 0;

// Two checks at a time: half the instructions.
using Pair [[gnu::vector_size(16)]] = uint64_t;
static_assert(sizeof(Check) == sizeof(Pair) && sizeof(PackedCheck) == sizeof(uint64_t));

// Address and value.
Pair load(const Check* check) {
  Pair pair;
  memcpy(&pair, check, sizeof pair);
  return pair;
}

uintptr_t offset_of(const Check& check, uintptr_t base) { return reinterpret_cast<uintptr_t>(check.address) - base; }

// Not 0 where it cannot be packed.
uintptr_t misfit(uintptr_t offset, uintptr_t value) {
  return (offset & kBytesInWord) | (offset & ~(kMostReach | kBytesInWord)) | (value & ~PackedCheck::kMostValue);
}

}  // namespace

bool pack_near(uintptr_t base, std::span<const Check> checks, PackedCheck* packed) {
  Pair offsets{}, values{};
  PackedCheck* at = packed + checks.size();
  const size_t even = checks.size() & ~size_t{1};
  for (size_t i = 0; i < even; i += 2) {
    const Pair outer = load(&checks[i]), inner = load(&checks[i + 1]);
    const Pair offset = __builtin_shufflevector(inner, outer, 0, 2) - base;
    const Pair value = __builtin_shufflevector(inner, outer, 1, 3);
    offsets |= offset;
    values |= value;
    const Pair both = value << PackedCheck::kDistanceBits | offset >> kWordBits;
    at -= 2;
    memcpy(static_cast<void*>(at), &both, sizeof both);
  }
  uintptr_t misfits = misfit(offsets[0] | offsets[1], values[0] | values[1]);
  if (even != checks.size()) {
    const uintptr_t offset = offset_of(checks[even], base);
    misfits |= misfit(offset, checks[even].value);
    *packed = PackedCheck::of(offset >> kWordBits, checks[even].value);
  }
  if (misfits != 0 || checks.empty()) [[unlikely]]
    return false;
  PackedCheck* mark = packed + checks.size();
  *mark = PackedCheck::mark(mark[-1].distance(), kEnd);
  return true;
}

FarPacking::FarPacking(uintptr_t base, std::span<const Check> checks) : base_(base), checks_(checks) {
  uint32_t count = 0;
  if (for_each([&](PackedCheck) { ++count; })) count_ = count - 1;
}

void FarPacking::write(PackedCheck* packed) const {
  for_each([&](PackedCheck check) { *packed++ = check; });
}

// Innermost first, the last mark last. The base lies below a word that was out of reach, as those further out may be anywhere in
// its frame. A mark names a word that was verified, so that none is before the first check.
template <class Visit>
bool FarPacking::for_each(const Visit& visit) const {
  constexpr uintptr_t kBelow = (PackedCheck::kMostDistance / 2) << kWordBits;
  uintptr_t base = base_;
  uint64_t verified = 0;
  for (size_t i = checks_.size(); i-- > 0;) {
    const Check& check = checks_[i];
    if (offset_of(check, base) > kMostReach && i + 1 < checks_.size()) {
      const uintptr_t further = offset_of(check, base) - kBelow;
      visit(PackedCheck::mark(verified, further >> kWordBits));
      base += further;
    }
    const uintptr_t offset = offset_of(check, base);
    if (misfit(offset, check.value) != 0) return false;
    verified = offset >> kWordBits;
    visit(PackedCheck::of(verified, check.value));
  }
  visit(PackedCheck::mark(verified, kEnd));
  return !checks_.empty();
}

}  // namespace weir::stack

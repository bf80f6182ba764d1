#include "cuda/pool/pitched_pool.h"

#include <bit>

#include "core/arena.h"
#include "core/large_table.h"
#include "cuda/driver.h"
#include "cuda/pool/device_pool.h"
#include "cuda/pool/pool_state.h"
#include "cuda/running_captures.h"

namespace weir::cuda::pool {
namespace {

// What the driver says of rows.
struct Pitch {
  uint64_t pitch;
  uint64_t bytes;  // of the range
};

struct Learned {
  int device;
  Rows rows;
  Pitch pitch;
  Learned* next;
};

// By what was asked for, in chains. The pool's lock guards all of it.
constexpr size_t kChains = 1024;
constexpr size_t kMostLearned = 16384;  // what is asked for beyond stays the driver's
WEIR_LARGE_TABLE Learned* chains[kChains];
size_t learned_count = 0;

Learned*& chain_of(int device, const Rows& rows) {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  constexpr int kShift = 64 - std::bit_width(kChains - 1);
  uint64_t mixed = rows.width;
  for (const uint64_t part : {rows.height, uint64_t{rows.element_bytes}, static_cast<uint64_t>(device)}) {
    mixed = (mixed ^ (mixed >> kShift)) * kMultiplier + part;
  }
  return chains[(mixed * kMultiplier) >> kShift];
}

const Learned* find(int device, const Rows& rows) {
  for (const Learned* one = chain_of(device, rows); one != nullptr; one = one->next) {
    if (one->device == device && one->rows == rows) return one;
  }
  return nullptr;
}

// Of no pitch: not known.
Pitch known_pitch(int device, const Rows& rows) {
  const PoolLock lock(pool_state.lock);
  const Learned* const known = find(device, rows);
  return known == nullptr ? Pitch{} : known->pitch;
}

void note_pitch(int device, const Rows& rows, const Pitch& pitch) {
  const PoolLock lock(pool_state.lock);
  if (learned_count == kMostLearned || find(device, rows) != nullptr) return;
  auto* const one = core::arena_array<Learned>(1);
  if (one == nullptr) return;
  Learned*& chain = chain_of(device, rows);
  *one = {device, rows, pitch, chain};
  chain = one;
  ++learned_count;
}

// ---- What blocks of pitched memory must have in common ----

// BinKey::shape: the pitch, and how much smaller the range is than what the driver takes for it. Unlike linear memory a block is never
// rounded up, so that only one of just that size will do.
constexpr uint64_t kIsPitched = uint64_t{1} << 62;
constexpr int kSlackBits = 21;
static_assert(kLargeGranule == uint64_t{1} << kSlackBits);
constexpr uint64_t kMostPitch = (kIsPitched >> kSlackBits) - 1;

uint64_t shape_of(const Pitch& pitch, uint64_t taken_bytes) {
  return kIsPitched | (pitch.pitch << kSlackBits) | (taken_bytes - pitch.bytes);
}

bool is_plausible(const Pitch& pitch, const Rows& rows) {
  uint64_t bytes = 0, taken_bytes = 0;
  if (pitch.pitch < rows.width || pitch.pitch > kMostPitch) return false;
  if (__builtin_mul_overflow(pitch.pitch, rows.height, &bytes) || pitch.bytes < bytes) return false;
  return device_block_bytes(pitch.bytes, &taken_bytes);
}

// ---- Memory from the driver ----

struct Arguments {
  Rows rows;
  size_t* pitch;  // the program's
  uint64_t expected_pitch;
};

Result take(const Call& call, const Request& request, uint64_t bytes, Taken* taken) {
  if (bytes != request.taken_bytes) return Result::out_of_memory;  // less cannot be asked for: the driver itself rounds
  const auto& [rows, pitch, expected_pitch] = *static_cast<const Arguments*>(request.arguments);
  const Result result =
      call_driver(call, &taken->address, pitch, size_t{rows.width}, size_t{rows.height}, rows.element_bytes);
  if (result == Result::success && *pitch != expected_pitch) taken->bytes = 0;  // no such block
  return result;
}

}  // namespace

Result allocate_pitched(const Call& call, const Rows& rows, size_t* pitch, Given* given) {
  *given = kPassed;
  if (!serves(call, Memory::device)) return Result::success;
  const ContextState* context = current_context(call);
  if (context == nullptr) return Result::success;
  const Pitch known = known_pitch(context->device, rows);
  if (known.pitch == 0) return pass(Memory::device, context, given);
  const Arguments arguments{rows, pitch, known.pitch};
  Request request{Memory::device, known.bytes, 0, 0, &take, &arguments};
  device_block_bytes(known.bytes, &request.taken_bytes);
  request.shape = shape_of(known, request.taken_bytes);
  const Result result = allocate(call, request, given);
  if (result == Result::success && !given->is_passed && !given->from_driver) *pitch = known.pitch;
  return result;
}

void learn_pitch(const Call& call, const Rows& rows, uint64_t pitch, Address address) {
  if (!serves(call, Memory::device) || any_capture()) return;
  const ContextState* context = current_context(call);
  const auto ask_range = driver_queries().get_address_range;
  if (context == nullptr || ask_range == nullptr || known_pitch(context->device, rows).pitch != 0) return;
  Address start = 0;
  size_t bytes = 0;
  {
    const InDriver in_driver(call.caller.sp);
    if (ask_range(&start, &bytes, address) != Result::success || start != address) return;
  }
  const Pitch learned{pitch, bytes};
  if (is_plausible(learned, rows)) note_pitch(context->device, rows, learned);
}

void forget_pitches() {
  const PoolLock lock(pool_state.lock);
  for (Learned*& chain : chains) {
    while (chain != nullptr) {
      Learned* const one = chain;
      chain = one->next;
      core::arena_release(one, sizeof *one);
    }
  }
  learned_count = 0;
}

// Another thread of the parent's may have been in the middle of a change.
void pitches_reset_after_fork() {
  for (Learned*& chain : chains) chain = nullptr;
  learned_count = 0;
}

}  // namespace weir::cuda::pool

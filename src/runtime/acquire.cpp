#include "runtime/acquire.h"

#include <cstring>

#include "pool/host_pool.h"
#include "pool/pool_statistics.h"
#include "runtime/guarded_blocks.h"
#include "runtime/host_allocator.h"
#include "runtime/host_pin_blocks.h"

namespace weir::runtime {
namespace {

constexpr size_t kLargestRequest = static_cast<size_t>(PTRDIFF_MAX);
constexpr size_t kLargestRecordedAlignment = size_t{1} << ((1U << track::kAlignBits) - 1);

// Plain because they never change once the process has started.
bool pool_on = true;
size_t min_alignment = pool::kNaturalAlignment;

uint8_t log2_of(size_t power) { return static_cast<uint8_t>(__builtin_ctzll(power)); }

size_t effective_alignment(const Request& request) {
  return request.alignment > min_alignment ? request.alignment : min_alignment;
}

void* take_block(const core::Inside& inside, size_t bytes, bool zeroed) {
  if (void* kept = take_from_aside(bytes)) [[unlikely]]
    return zeroed ? memset(kept, 0, bytes) : kept;
  return zeroed ? pool::pool_allocate_zeroed(inside, bytes) : pool::pool_allocate(inside, bytes);
}

// An aligned block is a larger pool block inside which Weir itself places the program's pointer: the pool's page geometry
// then finds its record like any other's.
Acquired acquire_aligned(const core::Inside& inside, const Request& request, size_t alignment) {
  // An empty block takes a byte too, or its address could be the next block's.
  const size_t wanted = request.bytes == 0 ? 1 : request.bytes;
  const size_t bytes = wanted + alignment - pool::kNaturalAlignment;
  if (bytes < wanted || bytes > kLargestRequest || alignment > kLargestRecordedAlignment) return {};
  void* base = take_block(inside, bytes, request.zeroed);
  if (base == nullptr) return {};
  const uintptr_t user = (reinterpret_cast<uintptr_t>(base) + alignment - 1) & ~(alignment - 1);
  return {reinterpret_cast<void*>(user), base, log2_of(alignment)};
}

// The same with room in front and behind that nobody may write to.
Acquired acquire_guarded(const core::Inside& inside, const Request& request, size_t alignment) {
  const size_t bytes = guarded_bytes(request.bytes, alignment);
  if (bytes == 0 || bytes > kLargestRequest || alignment > kLargestRecordedAlignment) return {};
  void* base = take_block(inside, bytes, request.zeroed);
  if (base == nullptr) return {};
  const uintptr_t user = (reinterpret_cast<uintptr_t>(base) + kFrontBytes + alignment - 1) & ~(alignment - 1);
  draw_bounds({reinterpret_cast<uintptr_t>(base), user, request.bytes});
  const uint8_t align_log2 = alignment > pool::kNaturalAlignment ? log2_of(alignment) : uint8_t{0};
  return {reinterpret_cast<void*>(user), base, align_log2};
}

Acquired acquire_from_pool(const core::Inside& inside, const Request& request) {
  const size_t alignment = effective_alignment(request);
  if (guards_blocks()) [[unlikely]]
    return acquire_guarded(inside, request, alignment);
  if (alignment > pool::kNaturalAlignment) [[unlikely]]
    return acquire_aligned(inside, request, alignment);
  void* base = take_block(inside, request.bytes, request.zeroed);
  return {base, base, 0};
}

}  // namespace

void configure_acquire(bool use_pool, size_t least_alignment) {
  pool_on = use_pool;
  min_alignment = least_alignment;
}

bool pool_is_on() { return pool_on; }

size_t natural_alignment() { return min_alignment; }

void* allocate_from_host(const Request& request) {
  const size_t alignment = effective_alignment(request);
  if (alignment > pool::kNaturalAlignment) {
    void* block = host_memalign(alignment, request.bytes);
    if (block != nullptr && request.zeroed) memset(block, 0, request.bytes);
    return block;
  }
  return request.zeroed ? host_calloc(request.bytes) : host_malloc(request.bytes);
}

Acquired acquire(const core::Inside& inside, const Request& request) {
  if (pool_on) [[likely]] {
    const Acquired acquired = acquire_from_pool(inside, request);
    if (acquired.user != nullptr) [[likely]]
      return acquired;
    pool::note_fallback();
  }
  return {allocate_from_host(request), nullptr, 0};
}

}  // namespace weir::runtime

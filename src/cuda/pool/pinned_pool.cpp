#include "cuda/pool/pinned_pool.h"

#include <sched.h>

#include <bit>

#include "cuda/pool/upkeep.h"

namespace weir::cuda::pool {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kSmallest = 512;
constexpr int kClassBits = 3;  // eight classes for each doubling
constexpr uint64_t kLargestClass = uint64_t{64} << 20;

uint64_t rounded(uint64_t bytes, uint64_t granule) { return (bytes + granule - 1) / granule * granule; }

// What the driver was asked for beside the size: the flags, by which function, and for which node of the machine's memory.
struct Shape {
  unsigned flags;
  bool has_flags;
  unsigned node;

  uint64_t packed() const { return uint64_t{flags} | (uint64_t{has_flags} << 32) | (uint64_t{node} << 33); }
  static unsigned flags_of(uint64_t packed) { return static_cast<unsigned>(packed); }
};

// Cost: no system call on kernels and a libc that share the thread's place with it.
unsigned node_of_this_thread() {
  unsigned cpu = 0, node = 0;
  return getcpu(&cpu, &node) == 0 ? node : 0;
}

Result take_plain(const Call& call, const Request&, uint64_t bytes, Taken* taken) {
  void* given = nullptr;
  const Result result = call_driver(call, &given, size_t{bytes});
  taken->address = reinterpret_cast<Address>(given);
  return result;
}

Result take_with_flags(const Call& call, const Request& request, uint64_t bytes, Taken* taken) {
  void* given = nullptr;
  const Result result = call_driver(call, &given, size_t{bytes}, Shape::flags_of(request.shape));
  taken->address = reinterpret_cast<Address>(given);
  return result;
}

Result free_by_driver(const Call& call, Address address) { return call_driver(call, reinterpret_cast<void*>(address)); }

Result allocate_shape(const Call& call, uint64_t asked_bytes, const Shape& shape, decltype(Request::take) take,
                      Given* given) {
  Request request{Memory::pinned, asked_bytes, 0, shape.packed(), take};
  if (!pinned_block_bytes(asked_bytes, &request.taken_bytes)) return given->is_passed = true, Result::success;
  return allocate(call, request, given);
}

}  // namespace

bool pinned_block_bytes(uint64_t asked_bytes, uint64_t* taken_bytes) {
  constexpr uint64_t kMost = uint64_t{1} << 56;
  if (asked_bytes == 0 || asked_bytes > kMost) return false;
  if (asked_bytes <= kSmallest) {
    *taken_bytes = kSmallest;
  } else if (asked_bytes > kLargestClass) {
    *taken_bytes = rounded(asked_bytes, kPage);
  } else {
    *taken_bytes = rounded(asked_bytes, std::bit_floor(asked_bytes - 1) >> kClassBits);
  }
  return true;
}

Result allocate_pinned(const Call& call, uint64_t asked_bytes, Given* given) {
  return allocate_shape(call, asked_bytes, {0, false, node_of_this_thread()}, &take_plain, given);
}

Result allocate_pinned(const Call& call, uint64_t asked_bytes, unsigned flags, Given* given) {
  return allocate_shape(call, asked_bytes, {flags, true, node_of_this_thread()}, &take_with_flags, given);
}

Freed release_pinned(const Call& call, Address address) {
  return release(call, Memory::pinned, address, &free_by_driver);
}

}  // namespace weir::cuda::pool

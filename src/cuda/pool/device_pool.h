// Device memory by whole blocks: cuMemAlloc and cuMemFree, which frees pitched memory too.
#pragma once

#include "cuda/pool/block_release.h"

namespace weir::cuda::pool {

// The driver's own granules: what it takes of a device for so many bytes. A block serves requests of one such size only, so that no more
// memory is in use than without the pool.
inline constexpr uint64_t kSmallGranule = 512;
inline constexpr uint64_t kLargeGranule = uint64_t{2} << 20;
inline constexpr uint64_t kLargestSmall = uint64_t{1} << 20;

// False where no device can have that much.
constexpr bool device_block_bytes(uint64_t asked_bytes, uint64_t* taken_bytes) {
  constexpr uint64_t kMost = uint64_t{1} << 56;
  if (asked_bytes == 0 || asked_bytes > kMost) return false;
  const uint64_t granule = asked_bytes <= kLargestSmall ? kSmallGranule : kLargeGranule;
  *taken_bytes = (asked_bytes + granule - 1) / granule * granule;
  return true;
}

// By cuMemAlloc_v2.
Result allocate_device(const Call& call, uint64_t asked_bytes, Given* given);

// By cuMemFree_v2.
Freed release_device(const Call& call, Address address);

// The same for a part of a segment by another function, which cannot free it.
Result release_in_segment(const Call& call, Address address);

}  // namespace weir::cuda::pool

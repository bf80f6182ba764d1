// Where the device pool's blocks come from segments (mode vmm): each context's own, and what of their memory is idle.
//
// A block of a segment is a block of the pool's like any other, in bins of its own: freed, it waits for queued work there and serves
// requests of its size at once. Before memory is mapped for another request, what is ready becomes a free part of its segment.
//
// Any thread; without the pool's lock, unless said otherwise.
#pragma once

#include "cuda/pool/block_pool.h"
#include "cuda/pool/pool_state.h"

namespace weir::cuda::pool {

// BinKey::shape of device memory that lies in a segment.
inline constexpr uint64_t kInSegment = uint64_t{1} << 63;
inline bool is_in_segment(const Block& block) { return block.bin->key.shape == kInSegment; }

// Whether device memory for this context is to come from segments, which are opened at the first time. False also where the driver has no
// such memory: the mode is strict then, and limitation() says why.
bool takes_from_segments(const Call& call, const ContextState& context);

// Request::take. Where the segments are out of memory the driver's own function is called: it may have room in what it keeps for itself.
Result take_from_segments(const Call& call, const Request& request, uint64_t bytes, Taken* taken);

// Cost without any segments, of this and the next ones: a load.
bool is_address_in_segments(Address address, Address* block_start);  // *block_start: 0 where no live block is there

// A block that the pool is done with becomes free. The caller may hold the pool's lock.
void release_to_segments(uint64_t owner, Address address);

// Idle memory of a device's segments, beyond what is in blocks.
struct IdleInSegments {
  uint64_t bytes, count, largest_bytes;
  uint64_t whole_chunk_bytes;  // what the driver could have back
};
IdleInSegments idle_in_segments(int device);

// Gives whole chunks back until at most so many bytes of a device's segments are free, of those segments that nothing was taken from since
// that tick. Returns what the driver got.
uint64_t trim_segments(const Call& call, int device, uint64_t keep_bytes, uint64_t idle_before_tick);

// cuCtxEnablePeerAccess() of `peer` by a context of that device, or its end.
void note_peer_access(const Call& call, uint64_t owner, int device, bool may_access);

// The context has ended.
void close_segments(uint64_t owner);

// Without a call of the driver's, which is gone.
void abandon_segments();

void segments_reset_after_fork();

}  // namespace weir::cuda::pool

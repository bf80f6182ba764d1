// A thread's cache of stack segments: where a capture left the remembered stack and how it came from there to the leaf.
// Segments are found by the leaf and the return addresses of the frames next to it: one place allocates for many, and
// mostly the callers of its callers differ. A capture that comes the same way verifies the words of those few frames, and the remembered ones from the junction
// outwards, and is done: nothing is walked, and the remembered stack stays as it is. Inside src/stack only.
#pragma once

#include <cstdint>

#include "core/arena.h"
#include "core/ids.h"
#include "stack/cache_growth.h"
#include "stack/stack_nodes.h"
#include "stack/verified_leaf.h"

namespace weir::stack {

struct ThreadStack;

// From the leaf (ip, sp and, where live, rbp) the words say that the unwind comes to the junction: a remembered frame of
// this node, this sp and, where live, this rbp. Under that node the leaf's stack is `stack`.
struct Segment {
  static constexpr uint32_t kMaxChecks = 11;

  uintptr_t ip;  // 0: free
  uintptr_t sp;
  uintptr_t rbp;
  uintptr_t junction_rbp;
  uint32_t junction_offset;  // the junction's sp above the leaf's
  NodeId junction;
  core::StackId stack;
  uint16_t index;  // of the junction among the remembered frames
  uint8_t checks;
  bool rbp_live;  // at the leaf
  uintptr_t values[kMaxChecks];
  uint32_t offsets[kMaxChecks];  // of the words above sp, outermost first
  uint32_t unused[3];
};
static_assert(sizeof(Segment) == 192);

class SegmentCache {
 public:
  // False where there is no memory.
  bool create() { return resize(kFirstLog); }
  void release() { core::arena_release(entries_, bytes()); }

  // The stack of `caller`, where a segment leads from it to a frame of `last` and every word holds; else unknown.
  core::StackId recall(const ThreadStack& last, const Registers& caller);

  // Keeps the way from the leaf of `last`, just remembered and not recalled, to its frame `junction`. `clock` counts
  // captures.
  void keep(const ThreadStack& last, uint32_t junction, uint64_t clock);

  void clear();
  uint64_t bytes() const { return sizeof(Segment) << log_; }

 private:
  static constexpr uint32_t kFirstLog = 3, kLargestLog = 11;  // 1.5 to 384 KiB

  bool resize(uint32_t log);

  Segment* entries_ = nullptr;
  uint32_t log_ = 0;
  uint64_t hash_ = 0;  // of the capture in progress
  CacheGrowth growth_;
};

}  // namespace weir::stack

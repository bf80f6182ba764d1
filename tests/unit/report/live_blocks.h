// Blocks and stacks for the tests of the report: made in the live set, the counters and the stack table that the
// library uses. Other tests of the same process may have left blocks there: these have ticks of kFirstTick and later.
#pragma once

#include <vector>

#include "core/guard.h"
#include "stack/stack_nodes.h"
#include "track/live_set.h"
#include "track/stack_counters.h"
#include "track/thread_counters.h"

namespace weir::report {

inline constexpr uint64_t kFirstTick = uint64_t{1} << 30;

// The stack of these return addresses, innermost first, in code without a module.
inline core::StackId make_stack(const std::vector<uintptr_t>& ips, bool truncated = false, bool exact = false) {
  auto node = truncated ? stack::NodeId::truncated_root : stack::NodeId::complete_root;
  for (auto ip = ips.rbegin(); ip != ips.rend(); ++ip) {
    node = stack::intern(node, stack::frame_key(*ip, core::ModuleId::none, exact));
  }
  return stack::stack_of(node);
}

class LiveBlocks {
 public:
  LiveBlocks() = default;
  LiveBlocks(const LiveBlocks&) = delete;
  LiveBlocks& operator=(const LiveBlocks&) = delete;
  ~LiveBlocks() {
    for (const track::Block& block : blocks_) release(block);
  }

  // Addresses need not exist: nothing reads a block.
  track::Block& add(core::StackId stack, size_t bytes, uint64_t tick = kFirstTick, uint32_t thread = 1,
                    track::Family family = track::Family::malloc, uint8_t align_log2 = 0) {
    track::Block block;
    block.address = next_address_;
    block.bytes = bytes;
    block.stack = stack;
    block.thread = static_cast<core::ThreadId>(thread);
    block.family = family;
    block.align_log2 = align_log2;
    block.state = track::BlockState::live;
    block.tick = tick;
    next_address_ += 64 + bytes / 64 * 64;
    core::Guard guard;
    track::insert_foreign_block(guard.token(), block);
    track::StackCounters& counters = track::counters_of(stack);
    ++counters.alloc_count;
    counters.alloc_bytes += bytes;
    ++track::peak_epoch;  // the process's highest point is now
    return blocks_.emplace_back(block);
  }

 private:
  static void release(const track::Block& block) {
    core::Guard guard;
    track::Block removed;
    uintptr_t base = 0;
    track::remove_block(guard.token(), block.address, &removed, &base);
    track::StackCounters& counters = track::counters_of(block.stack);
    ++counters.free_count;
    counters.free_bytes += block.bytes;
  }

  static inline uintptr_t next_address_ = 0x10000000000;
  std::vector<track::Block> blocks_;
};

}  // namespace weir::report

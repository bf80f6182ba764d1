#include <vector>

#include "core/guard.h"
#include "stack/capture.h"
#include "stack/stack_nodes.h"
#include "stack/stack_table.h"
#include "thread_stress.h"

namespace weir::stress {
namespace {

// A node for the path that `seed`'s digits in base 4 spell, outermost first.
stack::NodeId intern_path(uint32_t seed, int depth) {
  stack::NodeId node = stack::NodeId::complete_root;
  for (int i = 0; i < depth; ++i) {
    node = stack::intern(node, stack::frame_key(0x1000 + i * 16 + (seed >> (2 * i)) % 4, core::ModuleId::none));
  }
  return node;
}

thread_local volatile uintptr_t depth_reached;

__attribute__((noinline)) core::StackId capture_here(stack::LastStack& last) {
  core::Guard guard;
  const auto* frame = static_cast<const uintptr_t*>(__builtin_frame_address(0));
  const stack::Registers caller{reinterpret_cast<uintptr_t>(__builtin_return_address(0)),
                                reinterpret_cast<uintptr_t>(frame) + 2 * sizeof(uintptr_t), *frame};
  return stack::capture(guard.token(), last, caller);
}

__attribute__((noinline)) core::StackId capture_below(stack::LastStack& last, int depth) {
  const core::StackId id = depth == 0 ? capture_here(last) : capture_below(last, depth - 1);
  depth_reached = reinterpret_cast<uintptr_t>(&id);  // no tail call
  return id;
}

}  // namespace

// Equal paths get equal ids whichever thread comes first, and ids lead back to the frames.
void stress_stack_table() {
  constexpr uint32_t kPaths = 3000;
  constexpr int kDepth = 6;
  std::vector<std::vector<core::StackId>> ids(kThreads, std::vector<core::StackId>(kPaths));
  in_threads([&](int number) {
    for (uint32_t i = 0; i < kPaths; ++i) {
      const uint32_t seed = (i * 7 + static_cast<uint32_t>(number) * 500) % kPaths;
      const core::StackId id = stack::stack_of(intern_path(seed, kDepth));
      EXPECT(id != core::StackId::unknown);
      ids[static_cast<size_t>(number)][seed] = id;
      stack::StackFrame frames[kDepth];
      bool truncated = true;
      EXPECT(stack::frames_of(id, frames, kDepth, &truncated) == kDepth && !truncated);
      EXPECT(frames[kDepth - 1].ip == 0x1000 + seed % 4);
    }
  });
  for (const auto& of_thread : ids) EXPECT(of_thread == ids[0]);
}

void stress_capture() {
  constexpr int kRounds = 4000;
  std::vector<std::vector<core::StackId>> ids(kThreads, std::vector<core::StackId>(32));
  stack::configure_capture({});
  in_threads([&](int number) {
    stack::LastStack* last = stack::create_last_stack();
    EXPECT(last != nullptr);
    for (int round = 0; round < kRounds; ++round) {
      const int depth = (round * 7) % 32;
      const core::StackId id = capture_below(*last, depth);
      EXPECT(id != core::StackId::unknown);
      core::StackId& seen = ids[static_cast<size_t>(number)][static_cast<size_t>(depth)];
      if (round < 32) seen = id;
      EXPECT(seen == id);
    }
    stack::release_last_stack(last);
  });
  EXPECT(stack::capture_counters().captures == uint64_t{kThreads} * kRounds);
}

}  // namespace weir::stress

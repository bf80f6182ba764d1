// The comparison of a capture with libunwind, under WEIR_DEBUG.
#include "core/print.h"
#include "stack/full_walk.h"
#include "stack/last_stack.h"

namespace weir::stack {
namespace {

constexpr uint64_t kMismatchesShown = 3;
constexpr size_t kLineBytes = 120;

void print_stacks(const ThreadStack& last, core::StackId stack, uint32_t theirs) {
  uint32_t index = 0;
  auto line = [&](const char* who, uintptr_t ip) {
    char storage[kLineBytes];
    core::TextBuffer text(storage);
    text.text("capture mismatch: ").text(who).text(" #").decimal(index++).text(" 0x").hex(ip);
    core::print_line(text.c_str());
  };
  visit_frames(stack, [&](FrameKey key) {
    line("weir", ip_of(key));
    return true;
  });
  index = 0;
  while (index < theirs) line("libunwind", ip_of(last.walked[index].key));
}

// Equal as far as both go; a stack that ends must end in both. What lies beyond code without unwind information is
// Weir's frame pointers alone.
bool equals_walked(const ThreadStack& last, core::StackId stack, uint32_t theirs, UnwindEnd end) {
  uint32_t index = 0;
  bool equal = true;
  const NodeId root = visit_frames(stack, [&](FrameKey key) {
    if (index == theirs) return false;
    equal = ip_of(key) == ip_of(last.walked[index].key);
    ++index;
    return equal;
  });
  if (!equal) return false;
  if (end == UnwindEnd::no_info) return index == theirs;
  return root == NodeId::truncated_root ||
         (root == NodeId::complete_root && end == UnwindEnd::complete && index == theirs);
}

}  // namespace

void compare_with_libunwind(ThreadStack& last, const Registers& caller, core::StackId stack, Path path) {
  if (stack == core::StackId::unknown) return;
  const FullWalk full = walk_by_libunwind(last, caller);
  if (full.end == UnwindEnd::unavailable) return;
  count_one(last.compared);
  if (path == Path::recalled) count_one(last.compared_recalled);
  if (path == Path::recalled || path == Path::spliced) count_one(last.compared_spliced);
  if (path == Path::plain) count_one(last.compared_plain);
  if (equals_walked(last, stack, full.count, full.end)) return;
  if (last.mismatches.load(std::memory_order_relaxed) < kMismatchesShown) print_stacks(last, stack, full.count);
  count_one(last.mismatches);
}

}  // namespace weir::stack

// A capture where something changed: recall a segment; else walk the changed frames by compact rules, splice on what is
// remembered, intern from the outside in, and remember. Where stacks do not repeat: only walk and intern.
#include "stack/full_walk.h"
#include "stack/last_stack.h"
#include "stack/remember.h"
#include "stack/walk.h"

namespace weir::stack {
namespace {

// After so many captures in a row that kept less of the remembered stack than they changed, so many are only walked.
constexpr uint32_t kUnlikeBeforePlain = 4, kPlainCaptures = 60;

void adopt_generation(ThreadStack& last, uint32_t generation) {
  if (generation == last.generation) [[likely]]
    return;
  last.forget();
  last.segments.clear();
  last.generation = generation;
}

NodeId root_of(const Walked& walked) { return walked.complete() ? NodeId::complete_root : NodeId::truncated_root; }

// The node that the walked frames go under. What is remembered further out has a root of its own.
NodeId parent_of(const ThreadStack& last, const Walked& walked) {
  return walked.base != 0 ? last.frames[walked.base].node : root_of(walked);
}

// Nothing of it is remembered; what was stays.
core::StackId capture_by_libunwind(ThreadStack& last, const Registers& caller, uint32_t walked) {
  count_one(last.full_unwinds);
  const FullWalk full = walk_by_libunwind(last, caller);
  const bool complete = full.end == UnwindEnd::complete;
  if (!complete) count_one(last.truncated);
  const uint32_t count = full.end != UnwindEnd::unavailable ? full.count : walked;
  return stack_of(intern_walked(last, count, complete ? NodeId::complete_root : NodeId::truncated_root));
}

core::StackId intern_only(ThreadStack& last, const Registers& caller, const Walked& walked) {
  if (walked.end == Step::needs_libunwind) [[unlikely]]
    return capture_by_libunwind(last, caller, walked.count);
  if (!walked.complete()) count_one(last.truncated);
  return stack_of(intern_walked(last, walked.count, parent_of(last, walked)));
}

core::StackId remember(ThreadStack& last, const Walked& walked) {
  if (!walked.complete()) [[unlikely]]
    count_one(last.truncated);
  const core::StackId stack = stack_of(intern_and_remember(last, walked.base, walked.count, root_of(walked)));
  remember_leaf(last, stack);
  last.cut = walked.end == Step::cut;
  if (stack == core::StackId::unknown) [[unlikely]] {
    last.forget();
  } else if (walked.reused) {
    last.segments.keep(last, walked.base, last.changed_captures());
  }
  return stack;
}

// Stacks that do not repeat are cheaper to walk than to remember.
void note_likeness(ThreadStack& last, const Walked& walked) {
  if (walked.count <= walked.base) [[likely]] {
    last.unlike_in_row = 0;
  } else if (++last.unlike_in_row >= kUnlikeBeforePlain) {
    last.unlike_in_row = kUnlikeBeforePlain - 2;  // then two tries: one to remember, one to compare
    last.plain_left = kPlainCaptures;
  }
}

core::StackId capture_plainly(ThreadStack& last, const Registers& caller) {
  --last.plain_left;
  count_one(last.plain);
  const NodeId known = last.plain_stacks.find(last, caller);
  if (known != NodeId::none) [[likely]]
    return stack_of(known);
  const Walked walked = walk(last, caller, false);
  if (walked.end != Step::outermost) [[unlikely]]
    return intern_only(last, caller, walked);
  const NodeId leaf = intern_walked(last, walked.count, NodeId::complete_root);
  last.plain_stacks.keep(leaf, walked.count);
  return stack_of(leaf);
}

core::StackId capture_by_walking(ThreadStack& last, const Registers& caller, Path* path) {
  Walked walked = walk(last, caller, !last.cut);
  if (!walked.splice_fits()) [[unlikely]]
    walked = walk(last, caller, false);
  *path = walked.reused ? Path::spliced : Path::walked;
  count_one(walked.reused ? last.spliced : last.walked_whole);
  const uint32_t depth = walked.base + walked.count;
  if (!walked.memoisable() || !(depth <= last.capacity || ensure_capacity(last, depth))) [[unlikely]]
    return intern_only(last, caller, walked);
  note_likeness(last, walked);
  return remember(last, walked);
}

}  // namespace

core::StackId capture_by_walk(ThreadStack& last, const Registers& caller, uint32_t generation, Path* path) {
  adopt_generation(last, generation);
  if (last.plain_left != 0) [[unlikely]] {
    *path = Path::plain;
    return capture_plainly(last, caller);
  }
  const core::StackId recalled = last.segments.recall(last, caller);
  if (recalled != core::StackId::unknown) [[likely]] {
    *path = Path::recalled;
    count_one(last.recalled);
    return recalled;
  }
  return capture_by_walking(last, caller, path);
}

}  // namespace weir::stack

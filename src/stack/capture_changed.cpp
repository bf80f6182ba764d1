// A capture where something changed: recall a recent stack; else walk the changed frames by compact rules, splice on what is
// remembered, intern from the outside in, and remember. Where stacks do not repeat: only walk and intern.
#include "stack/full_walk.h"
#include "stack/last_stack.h"
#include "stack/recall.h"
#include "stack/remember.h"
#include "stack/walk.h"

namespace weir::stack {
namespace {

// After so many captures in a row of new stacks that kept less of the remembered one than they changed, so many are only
// walked, unless one is recalled.
constexpr uint32_t kUnlikeBeforePlain = 32, kPlainCaptures = 224;

void adopt_generation(ThreadStack& last, uint32_t generation) {
  if (generation == last.generation) [[likely]]
    return;
  last.forget();
  last.recent.clear();
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

// Stacks that do not repeat are cheaper to walk than to remember.
void note_likeness(ThreadStack& last, const Walked& walked, bool is_new) {
  const uint64_t recalled = last.recalled.load(std::memory_order_relaxed);
  if (!is_new || walked.count <= walked.base || recalled != last.recalled_before) {
    last.recalled_before = recalled;
    last.unlike_in_row = 0;
  } else if (++last.unlike_in_row >= kUnlikeBeforePlain) {
    last.unlike_in_row = 0;
    last.plain_left = kPlainCaptures;
  }
}

core::StackId remember(ThreadStack& last, const Walked& walked) {
  if (!walked.complete()) [[unlikely]]
    count_one(last.truncated);
  const uint32_t left = intern_cached(last, walked.base, walked.count, root_of(walked));
  lay_out(last, walked.base, walked.count);
  remember_leaf(last);
  const core::StackId stack = stack_of(intern_rest(last, left));
  last.recent.name(last, stack);
  last.cut = walked.end == Step::cut;
  if (stack == core::StackId::unknown) [[unlikely]] {
    last.forget();
    return stack;
  }
  const bool is_new = last.recent.is_new(stack);
  note_likeness(last, walked, is_new);
  if (!is_new) last.recent.keep();
  return stack;
}

core::StackId capture_plainly(ThreadStack& last, const Registers& caller) {
  --last.plain_left;
  count_one(last.plain);
  Walked walked;
  walk(last, caller, false, &walked);
  const core::StackId stack = intern_only(last, caller, walked);
  last.recent.is_new(stack);
  return stack;
}

core::StackId capture_by_walking(ThreadStack& last, const Registers& caller, Path* path) {
  Walked walked;
  walk(last, caller, !last.cut, &walked);
  if (!walked.splice_fits()) [[unlikely]]
    walk(last, caller, false, &walked);
  *path = walked.reused ? Path::spliced : Path::walked;
  count_one(walked.reused ? last.spliced : last.walked_whole);
  const uint32_t depth = walked.base + walked.count;
  if (!walked.memoisable() || !(depth <= last.capacity || ensure_capacity(last, depth))) [[unlikely]]
    return intern_only(last, caller, walked);
  return remember(last, walked);
}

core::StackId capture_unknown(ThreadStack& last, const Registers& caller, Path* path) {
  if (last.plain_left != 0) [[unlikely]] {
    *path = Path::plain;
    return capture_plainly(last, caller);
  }
  *path = Path::recalled;
  const core::StackId stack = last.recent.recall_by_callers(last, caller);
  if (stack == core::StackId::unknown) return capture_by_walking(last, caller, path);
  count_one(last.recalled);
  return stack;
}

// Looks, walks, splices, interns and remembers.
core::StackId capture_by_all_ways(ThreadStack& last, const Registers& caller, uint32_t generation, Path* path) {
  adopt_generation(last, generation);
  *path = Path::recalled;
  const core::StackId in_turn = recall_in_turn<RecentStacks::Reach::all>(last, caller);
  if (in_turn != core::StackId::unknown) {
    count_recalled(last);
    return in_turn;
  }
  last.followed = capture_unknown(last, caller, path);
  return last.followed;
}

core::StackId capture_and_compare(ThreadStack& last, const Registers& caller, uint32_t generation) {
  Path path = Path::same;
  const bool unchanged = is_unchanged(last, caller, generation);
  const core::StackId stack = unchanged ? last.leaf_stack : capture_by_all_ways(last, caller, generation, &path);
  if (path == Path::same) count_one(last.same);
  compare_with_libunwind(last, caller, stack, path);
  return stack;
}

}  // namespace

core::StackId capture_unrecalled(LastStack& leaf, uintptr_t ip, uintptr_t sp, uintptr_t rbp) {
  auto& last = static_cast<ThreadStack&>(leaf);
  const Registers caller{ip, sp, rbp};
  const uint32_t generation = module_generation.load(std::memory_order_acquire);
  if (capture_settings.compare_with_libunwind) [[unlikely]]
    return capture_and_compare(last, caller, generation | kComparedGeneration);
  Path path;
  return capture_by_all_ways(last, caller, generation, &path);
}

core::StackId capture_changed(LastStack& last, uintptr_t ip, uintptr_t sp, uintptr_t rbp) {
  const core::StackId stack = recall(last, {ip, sp, rbp});
  if (stack == core::StackId::unknown) [[unlikely]]
    return capture_unrecalled(last, ip, sp, rbp);
  count_recalled(last);
  return stack;
}

}  // namespace weir::stack

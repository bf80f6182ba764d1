// One capture where something changed: walk the changed frames by compact rules, splice on what is remembered, intern
// from the outside in, remember.
#include <cstring>

#include "core/print.h"
#include "stack/full_unwind.h"
#include "stack/last_stack.h"
#include "stack/module_registry.h"

extern "C" void* __libc_stack_end;  // glibc: the main thread's stack pointer at the program's entry

namespace weir::stack {
namespace {

constexpr uintptr_t kWord = sizeof(uintptr_t);
constexpr uintptr_t kLargestStack = uintptr_t{1} << 30;
constexpr uintptr_t kLargestFrame = uintptr_t{1}
                                    << 20;  // where the stack's end is not known: coroutines, signal stacks
constexpr int kLongestFrameChain = 256;

uintptr_t word_at(uintptr_t address) { return *reinterpret_cast<const uintptr_t*>(address); }

// The end of the stack that `sp` is on, or 0 where it is not the thread's own. The main thread's ends at the words the
// kernel put there, another's at its control block; either is never below a real frame of that stack.
uintptr_t stack_end_above(uintptr_t sp) {
  const auto control_block = reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
  const auto entry = reinterpret_cast<uintptr_t>(__libc_stack_end);
  const uintptr_t to_control_block = control_block - sp, to_entry = entry - sp;  // huge where below
  const uintptr_t distance = to_control_block < to_entry ? to_control_block : to_entry;
  return distance < kLargestStack ? sp + distance : 0;
}

// Code without unwind information that keeps frame pointers is followed by this rule.
constexpr UnwindRule kFramePointerRule = {static_cast<int32_t>(2 * kWord), -static_cast<int16_t>(2 * kWord),
                                          RuleKind::from_rbp, RbpSource::at_cfa};

enum class Step : uint8_t { again, linked, outermost, stopped, cut, needs_libunwind };

// What a walk found: `count` frames in ThreadStack::walked, to be put on the outermost `base` remembered ones.
struct Walked {
  uint32_t count = 0;
  uint32_t base = 0;
  Step end = Step::again;
  bool reused = false;
  bool verifiable = true;  // by the words that unwinding its frames read, and no others

  bool complete() const { return end == Step::linked || end == Step::outermost; }
  bool memoisable() const { return verifiable && (complete() || end == Step::cut); }
  // A stack cut at max_depth consists of the innermost frames, which are others as soon as the depth changes.
  bool splice_fits() const { return !reused || (end != Step::cut && base + count <= capture_settings.max_depth); }
};

class Walk {
 public:
  Walk(ThreadStack& last, const Registers& caller, bool may_splice)
      : last_(last), at_(caller), stack_end_(stack_end_above(caller.sp)), candidate_(may_splice ? last.depth : 0) {}

  // From the innermost frame to the first remembered one that still holds, or to the outermost.
  Walked run() {
    for (Step step = Step::again; step == Step::again;) {
      if (!has_room()) return result(count_ >= capture_settings.max_depth ? Step::cut : Step::stopped);
      if (meets_remembered()) {
        step = reuse();
        if (step == Step::again) step = advance(last_.walked[count_ - 1].rule);
      } else {
        step = advance(add_new_frame());
      }
      if (step != Step::again) return result(step);
    }
    __builtin_unreachable();
  }

 private:
  Walked result(Step end) const { return {count_, base_, end, reused_, verifiable_}; }

  bool has_room() const {
    if (count_ >= capture_settings.max_depth) [[unlikely]]
      return false;
    return count_ < last_.capacity || ensure_capacity(last_, count_ + 1);
  }

  [[gnu::always_inline]] bool meets_remembered() {
    const Frame* frame = last_.frames + candidate_;
    do {
      if (frame == last_.frames) {
        candidate_ = 0;
        return false;
      }
      --frame;
    } while (frame->sp < at_.sp);
    candidate_ = static_cast<uint32_t>(frame - last_.frames) + 1;
    return frame->sp == at_.sp && ip_of(frame->key) == at_.ip && (!frame->rbp_live || frame->rbp == at_.rbp);
  }

  // The present frame is remembered: takes it, and those further out whose words hold. All of them: linked.
  Step reuse() {
    const uint32_t met = candidate_ - 1;
    reused_ = true;
    const uint32_t holding = frames_holding_from(met);
    if (holding == 0) {
      copy_remembered(met);
      base_ = met;
      return Step::linked;
    }
    for (uint32_t i = met + 1; i-- > holding;) {
      if (!has_room()) return Step::cut;
      if (i != met) follow_remembered(last_.frames[i]);
      copy_remembered(i);
      last_.walked[count_ - 1].node = NodeId::none;
    }
    candidate_ = holding;
    return Step::again;
  }

  // The lowest index down to which the words that found the frames further out than `met` are unchanged.
  uint32_t frames_holding_from(uint32_t met) const {
    const Check* changed = innermost_changed(last_.checks + last_.frames[met].first_check - 1);
    if (changed == last_.checks) return 0;
    const auto failing = static_cast<uint32_t>(changed - last_.checks);
    uint32_t frame = met - 1;
    while (last_.frames[frame].first_check > failing) --frame;
    return frame + 1;
  }

  // rbp is loaded again: where it was not live, its remembered value was not verified.
  void follow_remembered(const Frame& frame) {
    if (frame.rbp_slot != 0) at_.rbp = word_at(frame.rbp_slot);
    rbp_slot_ = frame.rbp_slot;
    cfa_slot_ = frame.cfa_slot;
    at_.sp = frame.sp;
    at_.ip = ip_of(frame.key);
  }

  void copy_remembered(uint32_t index) {
    Frame& copy = last_.walked[count_++];
    copy = last_.frames[index];
    copy.rbp = at_.rbp;
    copy.rbp_slot = rbp_slot_;
    copy.cfa_slot = cfa_slot_;
  }

  [[gnu::always_inline]] UnwindRule add_new_frame() {
    Frame& frame = last_.walked[count_++];
    frame.sp = at_.sp;
    frame.rbp = at_.rbp;
    frame.rbp_slot = rbp_slot_;
    frame.cfa_slot = cfa_slot_;
    frame.node = NodeId::none;
    RuleEntry* entry = exact_ ? nullptr : find_kept_rule(at_.ip);
    if (entry == nullptr) [[unlikely]]
      return find_rule_slowly(frame);
    frame.entry = entry;
    frame.key = static_cast<FrameKey>(entry->key.load(std::memory_order_relaxed));
    return frame.rule = entry->rule;
  }

  [[gnu::noinline]] UnwindRule find_rule_slowly(Frame& frame) {
    const FoundRule found = exact_ ? find_exact_rule(at_.ip) : find_rule(at_.ip);
    frame.rule = found.rule;
    frame.entry = found.entry;
    frame.key = frame_key(at_.ip, found.module, exact_);
    exact_ = false;
    if (found.rule.kind == RuleKind::no_info && frame_pointer_verifies()) frame.rule = kFramePointerRule;
    return frame.rule;
  }

  uintptr_t bound() const { return stack_end_ != 0 ? stack_end_ : at_.sp + kLargestFrame; }

  // Whether a whole word lies between the stack pointer and the bound.
  bool on_stack(uintptr_t address) const {
    return address >= at_.sp && address < bound() && bound() - address >= kWord && (address & (kWord - 1)) == 0;
  }

  [[gnu::always_inline]] Step advance(UnwindRule rule) {
    uintptr_t cfa;
    cfa_slot_ = 0;
    if (rule.kind == RuleKind::from_rsp) [[likely]] {
      cfa = at_.sp + static_cast<uintptr_t>(intptr_t{rule.cfa_offset});
    } else if (rule.kind == RuleKind::from_rbp) {
      cfa = at_.rbp + static_cast<uintptr_t>(intptr_t{rule.cfa_offset});
    } else if (rule.kind == RuleKind::from_rbp_word) {
      cfa_slot_ = at_.rbp + static_cast<uintptr_t>(intptr_t{rule.cfa_offset});
      if (!on_stack(cfa_slot_)) return Step::stopped;
      cfa = word_at(cfa_slot_);
    } else {
      return leave_ordinary_frames(rule.kind);
    }
    // The CFA grows, is aligned and inside the stack: the walk ends, and reads nothing that is not there.
    const uintptr_t least = at_.sp + kWord;
    if (cfa - least > bound() - least || (cfa & (kWord - 1)) != 0) [[unlikely]]
      return Step::stopped;
    return load_caller(rule, cfa);
  }

  [[gnu::always_inline]] Step load_caller(UnwindRule rule, uintptr_t cfa) {
    const auto offset = static_cast<uintptr_t>(intptr_t{rule.rbp_offset});
    rbp_slot_ = 0;
    if (rule.rbp == RbpSource::at_cfa) {
      rbp_slot_ = cfa + offset;
      if (rbp_slot_ < at_.sp) [[unlikely]]
        return Step::stopped;
      at_.rbp = word_at(rbp_slot_);
    } else if (rule.rbp == RbpSource::at_rbp) {
      rbp_slot_ = at_.rbp + offset;
      if (!on_stack(rbp_slot_)) return Step::stopped;
      at_.rbp = word_at(rbp_slot_);
    }
    at_.ip = word_at(cfa - kWord);
    at_.sp = cfa;
    if (at_.ip != 0) [[likely]]
      return Step::again;
    verifiable_ = false;  // the 0 that ends this stack belongs to no frame's checks
    return Step::outermost;
  }

  [[gnu::noinline]] Step leave_ordinary_frames(RuleKind kind) {
    switch (kind) {
      case RuleKind::end:
      case RuleKind::entry:
        return Step::outermost;
      case RuleKind::signal_frame:
        return leave_signal_frame();
      case RuleKind::generic:
        return Step::needs_libunwind;
      default:
        return Step::stopped;
    }
  }

  // The registers of the interrupted code lie on the stack. From here on nothing is spliced or remembered: the words
  // that say how it was interrupted are not among those verified.
  Step leave_signal_frame() {
    verifiable_ = false;
    candidate_ = 0;
    if (bound() - at_.sp < kSignalFrameBytes) return Step::stopped;
    const uintptr_t context = at_.sp;
    at_.rbp = word_at(context + kSignalFrameRbp);
    at_.sp = word_at(context + kSignalFrameRsp);
    at_.ip = word_at(context + kSignalFrameRip);
    rbp_slot_ = cfa_slot_ = 0;
    exact_ = true;
    stack_end_ = stack_end_above(at_.sp);
    return at_.ip == 0 || at_.sp == 0 ? Step::stopped : Step::again;
  }

  // True where rbp begins a chain of frame records that grows, stays on the stack and comes to code with unwind
  // information.
  bool frame_pointer_verifies() const {
    uintptr_t record = at_.rbp;
    uintptr_t least = at_.sp;
    for (int i = 0; i < kLongestFrameChain; ++i) {
      if (record < least || !on_stack(record) || !on_stack(record + kWord)) return false;
      const uintptr_t return_address = word_at(record + kWord);
      if (find_rule(return_address).rule.kind != RuleKind::no_info) return true;
      if (!plausible_code(return_address)) return false;
      least = record + 2 * kWord;
      record = word_at(record);
    }
    return false;
  }

  ThreadStack& last_;
  Registers at_;
  uintptr_t stack_end_;
  uintptr_t rbp_slot_ = 0, cfa_slot_ = 0;  // what the step to the present position read
  uint32_t candidate_;                     // remembered frames not passed yet
  uint32_t count_ = 0;
  uint32_t base_ = 0;
  bool reused_ = false, exact_ = false, verifiable_ = true;
};

// ---- from frames to nodes ----

// The node of `frame` under `parent`, by the two children last met through its return address where possible.
NodeId child_node(NodeId parent, const Frame& frame) {
  if (frame.entry == nullptr || parent == NodeId::none) return intern(parent, frame.key);
  std::atomic<uint64_t>* children = frame.entry->children;
  const auto wanted = static_cast<uint64_t>(parent);
  const uint64_t latest = children[0].load(std::memory_order_acquire);
  if (latest >> 32 == wanted) [[likely]]
    return static_cast<NodeId>(latest);
  const uint64_t other = children[1].load(std::memory_order_acquire);
  if (other >> 32 == wanted) return static_cast<NodeId>(other);
  const NodeId node = intern(parent, frame.key);
  if (node == NodeId::none) return node;
  children[1].store(latest, std::memory_order_release);
  children[0].store(wanted << 32 | static_cast<uint64_t>(node), std::memory_order_release);
  return node;
}

// Interns walked[0, count), outermost last, under `parent`; every frame gets its node.
NodeId intern_walked(ThreadStack& last, uint32_t count, NodeId parent) {
  while (count > 0) {
    Frame& frame = last.walked[--count];
    if (frame.node == NodeId::none) frame.node = child_node(parent, frame);
    parent = frame.node;
  }
  return parent;
}

// ---- remembering ----

Check* add_checks(Check* at, const Frame& frame) {
  *at++ = {reinterpret_cast<const uintptr_t*>(frame.sp - kWord), ip_of(frame.key)};
  if (frame.rbp_slot != 0 && frame.rbp_live) *at++ = {reinterpret_cast<const uintptr_t*>(frame.rbp_slot), frame.rbp};
  if (frame.cfa_slot != 0) *at++ = {reinterpret_cast<const uintptr_t*>(frame.cfa_slot), frame.sp};
  return at;
}

void remember_leaf(ThreadStack& last, core::StackId stack) {
  const Frame& leaf = last.frames[last.depth - 1];
  last.leaf_ip = ip_of(leaf.key);
  last.leaf_sp = leaf.sp;
  last.leaf_rbp = leaf.rbp;
  last.leaf_rbp_mask = leaf.rbp_live ? ~uintptr_t{0} : 0;
  last.leaf_checks = last.checks + leaf.first_check - 1;
  last.leaf_stack = stack;
}

// Puts walked[0, count) on the `base` remembered frames, whose innermost has node `parent`. There is room. Returns the
// leaf's node.
NodeId intern_and_remember(ThreadStack& last, uint32_t base, uint32_t count, NodeId parent) {
  Frame* frame = last.frames + base;
  Check* check = last.own_checks + (base == 0 ? 1 : frame->first_check);
  bool rbp_live = base != 0 && frame[-1].rbp_live;
  for (const Frame* walked = last.walked + count; walked != last.walked; ++frame) {
    *frame = *--walked;
    rbp_live = uses_rbp(frame->rule) || (frame->rule.rbp == RbpSource::unchanged && rbp_live);
    frame->rbp_live = rbp_live;
    frame->first_check = static_cast<uint32_t>(check - last.checks) & 0x7fffffff;
    check = add_checks(check, *frame);
    if (frame->node == NodeId::none) frame->node = child_node(parent, *frame);
    parent = frame->node;
  }
  last.depth = base + count;
  return parent;
}

// ---- the whole ----

struct Collected {
  ThreadStack& last;
  uint32_t count = 0;
  bool cut = false;
};

bool collect_frame(void* context, uintptr_t ip, bool exact) {
  auto* collected = static_cast<Collected*>(context);
  ThreadStack& last = collected->last;
  if (collected->count >= capture_settings.max_depth || !ensure_capacity(last, collected->count + 1)) {
    collected->cut = true;
    return false;
  }
  LoadedModule module;
  Frame& frame = last.walked[collected->count++];
  frame.entry = nullptr;
  frame.node = NodeId::none;
  const bool known = plausible_code(ip) && find_loaded_module(exact ? ip : ip - 1, &module);
  frame.key = frame_key(ip, known ? register_module(module) : core::ModuleId::none, exact);
  return true;
}

// Nothing of it is remembered; what was stays.
core::StackId capture_by_libunwind(ThreadStack& last, const Registers& caller, uint32_t walked) {
  Collected collected{last};
  count_one(last.full_unwinds);
  const UnwindEnd end = full_unwind(caller, collect_frame, &collected);
  if (end != UnwindEnd::unavailable) walked = collected.count;
  const bool complete = end == UnwindEnd::complete;
  if (!complete) count_one(last.truncated);
  return stack_of(intern_walked(last, walked, complete ? NodeId::complete_root : NodeId::truncated_root));
}

core::StackId capture_walked(ThreadStack& last, const Walked& walked) {
  const uint32_t depth = walked.base + walked.count;
  NodeId parent = walked.complete() ? NodeId::complete_root : NodeId::truncated_root;
  if (!walked.complete()) count_one(last.truncated);
  if (walked.base != 0) parent = last.frames[walked.base - 1].node;
  if (!walked.memoisable() || !(depth <= last.capacity || ensure_capacity(last, depth))) [[unlikely]] {
    return stack_of(intern_walked(last, walked.count, parent));
  }
  const core::StackId stack = stack_of(intern_and_remember(last, walked.base, walked.count, parent));
  remember_leaf(last, stack);
  last.cut = walked.end == Step::cut;
  if (stack == core::StackId::unknown) [[unlikely]]
    last.forget();
  return stack;
}

core::StackId finish_capture(ThreadStack& last, const Registers& caller, const Walked& walked, Path* path) {
  *path = walked.reused ? Path::spliced : Path::walked;
  count_one(walked.reused ? last.spliced : last.plain);
  if (walked.end == Step::needs_libunwind) [[unlikely]]
    return capture_by_libunwind(last, caller, walked.count);
  return capture_walked(last, walked);
}

}  // namespace

core::StackId capture_by_walk(ThreadStack& last, const Registers& caller, uint32_t generation, Path* path) {
  if (generation != last.generation) {
    last.forget();
    last.generation = generation;
  }
  Walked walked = Walk(last, caller, !last.cut).run();
  if (!walked.splice_fits()) [[unlikely]]
    walked = Walk(last, caller, false).run();
  return finish_capture(last, caller, walked, path);
}

// ---- the oracle ----

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
  Collected collected{last};
  const UnwindEnd end = full_unwind(caller, collect_frame, &collected);
  if (end == UnwindEnd::unavailable) return;
  count_one(last.compared);
  if (path == Path::spliced) count_one(last.compared_spliced);
  if (equals_walked(last, stack, collected.count, end)) return;
  if (last.mismatches.load(std::memory_order_relaxed) < kMismatchesShown) print_stacks(last, stack, collected.count);
  count_one(last.mismatches);
}

}  // namespace weir::stack

#include "stack/walk.h"

#include "stack/module_registry.h"
#include "stack/rule_cache.h"
#include "stack/stack_bounds.h"

namespace weir::stack {
namespace {

constexpr uintptr_t kWord = sizeof(uintptr_t);
constexpr int kLongestFrameChain = 256;

uintptr_t word_at(uintptr_t address) { return *reinterpret_cast<const uintptr_t*>(address); }

// Code without unwind information that keeps frame pointers is followed by this rule.
constexpr UnwindRule kFramePointerRule = {static_cast<int32_t>(2 * kWord), -static_cast<int16_t>(2 * kWord),
                                          RuleKind::from_rbp, RbpSource::at_cfa};

// The innermost of the checks up to `check` whose word changed: the sentinel where all hold. Goes from the inside out and
// reads none after it, as the inline test does (verified_leaf.h).
const Check* innermost_changed(const Check* check) {
  while (check->holds()) --check;
  return check;
}

class Walk {
 public:
  Walk(ThreadStack& last, const Registers& caller, bool may_splice)
      : last_(last),
        at_{caller.ip, caller.sp, caller.rbp},
        stack_end_(stack_end_above(caller.sp)),
        candidate_(last.frames + (may_splice ? last.depth : 0)) {}

  void run(Walked* walked) {
    walked->end = go_outwards();
    walked->count = count_;
    walked->base = base_;
    walked->reused = reused_;
    walked->verifiable = verifiable_;
  }

 private:
  // To where the walk ends.
  Step go_outwards() {
    for (Step step = Step::again; step == Step::again;) {
      pass_common_frames();
      if (at_.ip == 0) {
        verifiable_ = false;  // the 0 that ends this stack belongs to no frame's checks
        return Step::outermost;
      }
      if (!has_room()) return count_ >= capture_settings.max_depth ? Step::cut : Step::stopped;
      if (meets_remembered()) {
        step = reuse();
        if (step == Step::again) step = advance(last_.walked[count_ - 1].rule);
      } else {
        step = advance(add_new_frame());
      }
      if (step != Step::again) return step;
    }
    __builtin_unreachable();
  }

  // Takes frames as long as they are new, have kept rules of the commonest shapes, and there is room.
  [[gnu::always_inline]] void pass_common_frames() {
    const uint64_t packed = detail::current_rule_table.load(std::memory_order_acquire);
    if (packed == 0 || exact_) [[unlikely]]
      return;
    const detail::RuleTable table(packed);
    uintptr_t ip = at_.ip, sp = at_.sp, rbp = at_.rbp;
    const uintptr_t end = bound();
    const Frame* candidate = candidate_;
    WalkedFrame* out = last_.walked + count_;
    WalkedFrame* const limit = last_.walked + room();
    while (out != limit) {
      while (candidate->sp < sp) --candidate;
      if (candidate->sp == sp && is_return_to(candidate->key, ip)) break;
      const RuleEntry* entry = table.find(ip);
      if (entry == nullptr) break;
      const UnwindRule rule = entry->rule;
      const uint16_t form = shape_of(rule);
      uintptr_t cfa = sp + static_cast<uintptr_t>(intptr_t{rule.cfa_offset});
      uintptr_t caller_rbp = rbp;
      if (form == kByRsp) [[likely]] {
        if (cfa > end) [[unlikely]]
          break;
      } else if (form == kByRspRbpSaved) {
        if (cfa > end) [[unlikely]]
          break;
        caller_rbp = word_at(cfa + static_cast<uintptr_t>(intptr_t{rule.rbp_offset}));
      } else if (form == kByRbpRbpSaved) {
        cfa = rbp + static_cast<uintptr_t>(intptr_t{rule.cfa_offset});
        const uintptr_t slot = cfa + static_cast<uintptr_t>(intptr_t{rule.rbp_offset});
        if (!is_caller_of(sp, cfa, end) || slot < sp) [[unlikely]]
          break;
        caller_rbp = word_at(slot);
      } else {
        break;
      }
      *out++ = {sp, rbp, static_cast<FrameKey>(entry->key.load(std::memory_order_relaxed)), rule};
      ip = word_at(cfa - kWord);
      sp = cfa;
      rbp = caller_rbp;
    }
    candidate_ = candidate;
    count_ = static_cast<uint32_t>(out - last_.walked);
    at_ = {ip, sp, rbp};
  }

  uint32_t room() const {
    return last_.capacity < capture_settings.max_depth ? last_.capacity : capture_settings.max_depth;
  }

  bool has_room() const {
    if (count_ >= capture_settings.max_depth) [[unlikely]]
      return false;
    return count_ < last_.capacity || grow();
  }

  // The remembered frames move.
  [[gnu::noinline]] bool grow() const {
    const auto candidate = candidate_ - last_.frames;
    const bool grown = ensure_capacity(last_, count_ + 1);
    candidate_ = last_.frames + candidate;
    return grown;
  }

  bool meets_remembered() {
    while (candidate_->sp < at_.sp) --candidate_;
    return candidate_->sp == at_.sp && is_return_to(candidate_->key, at_.ip) &&
           (!candidate_->is_rbp_live() || candidate_->rbp == at_.rbp);
  }

  // The present frame is remembered: takes it, and those further out whose words hold. All of them: linked.
  Step reuse() {
    reused_ = true;
    const Frame* const met = candidate_;
    const Frame* const holding = outermost_holding_from(met);
    if (holding == last_.frames) {
      base_ = static_cast<uint32_t>(met - last_.frames);
      return Step::linked;
    }
    const auto distance = holding - last_.frames;
    for (auto i = met - last_.frames; i >= distance; --i) {
      if (!has_room()) return Step::cut;
      if (last_.frames + i != met) follow_remembered(last_.frames[i]);
      last_.walked[count_] = last_.frames[i];
      last_.walked[count_++].rbp = at_.rbp;
    }
    candidate_ = last_.frames + distance - 1;
    return Step::again;
  }

  // The outermost frame that unwinding from `met` comes to by words that are unchanged; the root where all are.
  const Frame* outermost_holding_from(const Frame* met) const {
    const Check* changed = innermost_changed(last_.own_checks + met->first_check() - 1);
    if (changed == last_.own_checks) return last_.frames;
    const auto failing = static_cast<uint32_t>(changed - last_.own_checks);
    const Frame* frame = met - 1;
    while (frame->first_check() > failing) --frame;
    return frame + 1;
  }

  // rbp is loaded again: where it was not live, its remembered value was not verified.
  void follow_remembered(const Frame& frame) {
    const WalkedFrame& inner = last_.walked[count_ - 1];
    const uintptr_t slot = rbp_slot_of(inner, frame.sp);
    if (slot != 0) at_.rbp = word_at(slot);
    at_.sp = frame.sp;
    at_.ip = ip_of(frame.key);
  }

  UnwindRule add_new_frame() {
    WalkedFrame& frame = last_.walked[count_++];
    frame.sp = at_.sp;
    frame.rbp = at_.rbp;
    const FoundRule found = exact_ ? find_exact_rule(at_.ip) : find_rule(at_.ip);
    frame.rule = found.rule;
    frame.key = frame_key(at_.ip, found.module, exact_);
    exact_ = false;
    if (found.rule.kind == RuleKind::no_info && frame_pointer_verifies()) frame.rule = kFramePointerRule;
    return frame.rule;
  }

  uintptr_t bound() const { return frame_bound(stack_end_, at_.sp); }

  // Whether a whole word lies between the stack pointer and the bound.
  bool on_stack(uintptr_t address) const {
    return address >= at_.sp && address < bound() && bound() - address >= kWord && (address & (kWord - 1)) == 0;
  }

  Step advance(UnwindRule rule) {
    uintptr_t cfa;
    if (rule.kind == RuleKind::from_rsp) {
      cfa = at_.sp + static_cast<uintptr_t>(intptr_t{rule.cfa_offset});
    } else if (rule.kind == RuleKind::from_rbp) {
      cfa = at_.rbp + static_cast<uintptr_t>(intptr_t{rule.cfa_offset});
    } else if (rule.kind == RuleKind::from_rbp_word) {
      const uintptr_t slot = at_.rbp + static_cast<uintptr_t>(intptr_t{rule.cfa_offset});
      if (!on_stack(slot)) return Step::stopped;
      cfa = word_at(slot);
    } else {
      return leave_ordinary_frames(rule.kind);
    }
    if (!is_caller_of(at_.sp, cfa, bound())) return Step::stopped;
    return load_caller(cfa);
  }

  Step load_caller(uintptr_t cfa) {
    const WalkedFrame& inner = last_.walked[count_ - 1];
    const uintptr_t slot = rbp_slot_of(inner, cfa);
    if (slot != 0) {
      const bool readable = inner.rule.rbp == RbpSource::at_cfa ? slot >= at_.sp : on_stack(slot);
      if (!readable) return Step::stopped;
      at_.rbp = word_at(slot);
    }
    at_.ip = word_at(cfa - kWord);
    at_.sp = cfa;
    return Step::again;
  }

  Step leave_ordinary_frames(RuleKind kind) {
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
    candidate_ = last_.frames;
    if (bound() - at_.sp < kSignalFrameBytes) return Step::stopped;
    const uintptr_t context = at_.sp;
    at_.rbp = word_at(context + kSignalFrameRbp);
    at_.sp = word_at(context + kSignalFrameRsp);
    at_.ip = word_at(context + kSignalFrameRip);
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
  mutable const Frame* candidate_;  // the innermost remembered frame not passed yet
  uint32_t count_ = 0;
  uint32_t base_ = 0;
  bool reused_ = false, exact_ = false, verifiable_ = true;
};

}  // namespace

void walk(ThreadStack& last, const Registers& caller, bool may_splice, Walked* walked) {
  Walk(last, caller, may_splice).run(walked);
}

}  // namespace weir::stack

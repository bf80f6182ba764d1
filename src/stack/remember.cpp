#include "stack/remember.h"

#include "stack/walk.h"

namespace weir::stack {
namespace {

constexpr uintptr_t kWord = sizeof(uintptr_t);

// Adds the words that finding `frame` from `inner` read, outermost first as they are verified last to first.
[[gnu::always_inline]] inline Check* add_checks(Check* at, const Frame& frame, const WalkedFrame& inner) {
  *at++ = {reinterpret_cast<const uintptr_t*>(frame.sp - kWord), ip_of(frame.key)};
  if (frame.is_rbp_live()) [[unlikely]] {
    const uintptr_t slot = rbp_slot_of(inner, frame.sp);
    if (slot != 0) *at++ = {reinterpret_cast<const uintptr_t*>(slot), frame.rbp};
  }
  if (const uintptr_t slot = cfa_slot_of(inner); slot != 0) [[unlikely]]
    *at++ = {reinterpret_cast<const uintptr_t*>(slot), frame.sp};
  return at;
}

// Whether a frame needs rbp, given whether the one further out does.
[[gnu::always_inline]] inline bool is_rbp_live(const UnwindRule& rule, bool outer_live) {
  return uses_rbp(rule) || (outer_live && rule.rbp == RbpSource::unchanged);
}

constexpr uint32_t kLongestRow = 16;

// Makes nodes for the outermost of the `count` frames within `frame`, which has no children yet. How many.
uint32_t make_row(ThreadStack& last, Frame* frame, uint32_t count) {
  FrameKey keys[kLongestRow];
  NodeId nodes[kLongestRow];
  const uint32_t length = count < kLongestRow ? count : kLongestRow;
  for (uint32_t i = 0; i < length; ++i) keys[i] = frame[i + 1].key;
  const Place place = length == count ? Place::innermost : Place::further_out;
  const uint32_t made = last.children.make_row(frame->node, {keys, length}, place, nodes);
  for (uint32_t i = 0; i < made; ++i) frame[i + 1].node = nodes[i];
  return made;
}

Place place_of(const ThreadStack& last, const WalkedFrame* walked) {
  return walked == last.walked ? Place::innermost : Place::further_out;
}

}  // namespace

NodeId intern_walked(ThreadStack& last, uint32_t count, NodeId parent) {
  const uint64_t clock = last.changed_captures();
  for (const WalkedFrame* walked = last.walked + count; walked != last.walked;) {
    --walked;
    parent = last.children.child(parent, walked->key, place_of(last, walked), clock);
  }
  return parent;
}

void lay_out(ThreadStack& last, uint32_t base, uint32_t count) {
  Frame* frame = last.frames + base;
  bool rbp_live = frame->is_rbp_live();
  Check* const checks = last.own_checks;
  Check* check = checks + frame->first_check();
  for (const WalkedFrame* walked = last.walked + count; walked != last.walked;) {
    --walked;
    if (frame != last.frames) check = add_checks(check, *frame, *walked);
    ++frame;
    rbp_live = is_rbp_live(walked->rule, rbp_live);
    static_cast<WalkedFrame&>(*frame) = *walked;
    frame->set_checks(static_cast<uint32_t>(check - checks), rbp_live);
  }
  last.depth = base + count;
}

uint32_t intern_cached(ThreadStack& last, uint32_t base, uint32_t count, NodeId root) {
  if (base == 0) last.frames[0].node = root;
  Frame* frame = last.frames + base;
  for (NodeId node = frame->node; count != 0; --count) {
    const FrameKey key = last.walked[count - 1].key;
    node = last.children.find(node, key);
    if (node == NodeId::none) {
      fetch_child(frame->node, key);
      break;
    }
    ++frame;
    frame->node = node;
  }
  return count;
}

NodeId intern_rest(ThreadStack& last, uint32_t count) {
  const uint64_t clock = last.changed_captures();
  Frame* frame = last.frames + last.depth - count;
  while (count != 0) {
    uint32_t made = is_last_made(frame->node) ? make_row(last, frame, count) : 0;
    if (made == 0) {
      const WalkedFrame* walked = last.walked + count - 1;
      frame[1].node = last.children.child(frame->node, walked->key, place_of(last, walked), clock);
      made = 1;
    }
    frame += made;
    count -= made;
  }
  return frame->node;
}

void remember_leaf(ThreadStack& last) {
  const Frame& frame = last.frames[last.depth];
  const RecentStacks::Leaf leaf{{ip_of(frame.key), frame.sp, frame.rbp, frame.is_rbp_live() ? ~uintptr_t{0} : 0}};
  last.recent.put(last, leaf, {last.own_checks + 1, last.own_checks + frame.first_check()}, last.changed_captures());
}

}  // namespace weir::stack

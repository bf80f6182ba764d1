#include "stack/plain_stacks.h"

#include <cstring>

#include "stack/last_stack.h"
#include "stack/rule_cache.h"
#include "stack/stack_bounds.h"
#include "stack/walk.h"

namespace weir::stack {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

struct PlainWalk {
  uint32_t count = 0;  // 0: something out of the ordinary, or no room
  uint64_t hash = 0;
};

// Writes the keys of the frames from `caller` to the outermost one. Reads only what Walk would.
PlainWalk walk_plainly(const Registers& caller, FrameKey* keys, uint32_t room) {
  const uint64_t packed = detail::current_rule_table.load(std::memory_order_acquire);
  if (packed == 0) return {};
  const detail::RuleTable table(packed);
  uintptr_t ip = caller.ip, sp = caller.sp, rbp = caller.rbp;
  const uintptr_t end = frame_bound(stack_end_above(sp), sp);
  uint64_t hash = 0;
  for (FrameKey *out = keys, *limit = keys + room; out != limit;) {
    const RuleEntry* entry = ip == 0 ? nullptr : table.find(ip);
    if (entry == nullptr) [[unlikely]]
      return {};
    const UnwindRule rule = entry->rule;
    const uint64_t key = entry->key.load(std::memory_order_relaxed);
    *out++ = static_cast<FrameKey>(key);
    hash = (hash ^ key) * kGolden;
    const uint16_t form = shape_of(rule);
    uintptr_t cfa = sp + static_cast<uintptr_t>(intptr_t{rule.cfa_offset});
    if (form == kByRsp || form == kByRspRbpSaved) [[likely]] {
      if (cfa > end) [[unlikely]]
        return {};
      if (form == kByRspRbpSaved) rbp = *reinterpret_cast<const uintptr_t*>(cfa + rbp_offset_of(rule));
    } else if (form == kByRbpRbpSaved) {
      cfa = rbp + static_cast<uintptr_t>(intptr_t{rule.cfa_offset});
      const uintptr_t slot = cfa + rbp_offset_of(rule);
      if (!is_caller_of(sp, cfa, end) || slot < sp) [[unlikely]]
        return {};
      rbp = *reinterpret_cast<const uintptr_t*>(slot);
    } else if (rule.kind == RuleKind::end || rule.kind == RuleKind::entry) {
      return {static_cast<uint32_t>(out - keys), hash};
    } else {
      return {};
    }
    ip = *reinterpret_cast<const uintptr_t*>(cfa - sizeof(uintptr_t));
    sp = cfa;
  }
  return {};
}

}  // namespace

NodeId PlainStacks::find(ThreadStack& last, const Registers& caller) {
  walked_ = 0;
  // Keys are written where they will be kept: none are where there is no room for one stack more, or for any.
  const uint32_t room = last.capacity < capture_settings.max_depth ? last.capacity : capture_settings.max_depth;
  if (keys_used_ + room > (entries_ == nullptr ? 0 : key_capacity())) {
    if (!resize(entries_ == nullptr ? kFirstLog : log_ < kLargestLog ? log_ + 1 : log_)) return NodeId::none;
    if (room > key_capacity()) return NodeId::none;
  }
  const PlainWalk walked = walk_plainly(caller, keys_ + keys_used_, room);
  if (walked.count == 0) return NodeId::none;
  const Entry& entry = entries_[walked.hash >> (64 - log_)];
  const bool known = entry.leaf != NodeId::none && entry.hash == walked.hash && entry.count == walked.count &&
                     memcmp(keys_ + entry.first, keys_ + keys_used_, walked.count * sizeof(FrameKey)) == 0;
  if (known) [[likely]]
    return entry.leaf;
  walked_ = walked.count;
  hash_ = walked.hash;
  return NodeId::none;
}

void PlainStacks::keep(NodeId leaf, uint32_t count) {
  if (walked_ == 0 || walked_ != count || leaf == NodeId::none) return;
  entries_[hash_ >> (64 - log_)] = {hash_, leaf, keys_used_, count};
  keys_used_ += count;
}

void PlainStacks::release() {
  if (entries_ == nullptr) return;
  core::arena_release(entries_, sizeof(Entry) << log_);
  core::arena_release(keys_, key_capacity() * sizeof(FrameKey));
}

// Begins empty: what is in use comes back sooner than it could be moved.
bool PlainStacks::resize(uint32_t log) {
  keys_used_ = 0;
  if (entries_ != nullptr && log == log_) {
    memset(static_cast<void*>(entries_), 0, sizeof(Entry) << log_);
    return true;
  }
  auto* entries = core::arena_array<Entry>(size_t{1} << log);
  auto* keys = core::arena_array<FrameKey>(size_t{kKeysPerEntry} << log);
  if (entries == nullptr || keys == nullptr) {
    if (entries != nullptr) core::arena_release(entries, sizeof(Entry) << log);
    if (keys != nullptr) core::arena_release(keys, (sizeof(FrameKey) * kKeysPerEntry) << log);
    return false;
  }
  PlainStacks outgrown = *this;
  entries_ = entries;
  keys_ = keys;
  log_ = log;
  outgrown.release();  // last: see ensure_capacity
  return true;
}

}  // namespace weir::stack

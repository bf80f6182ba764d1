#include "leak/ignored.h"

#include "core/address_table.h"
#include "track/live_set.h"

namespace weir::leak {
namespace {

struct Entry {
  uintptr_t address;
  uint64_t tick;  // of the block's allocation
};

constinit core::AddressTable<Entry> ignored;

// An older entry for the address is replaced: its block's free was not seen.
bool enter(uintptr_t address, uint64_t tick) {
  if (ignored.change(address, [tick](Entry& entry) { entry.tick = tick; })) return true;
  return ignored.insert({address, tick});
}

bool lies_in_block(track::RemoveResult verdict) {
  return verdict == track::RemoveResult::removed || verdict == track::RemoveResult::interior;
}

}  // namespace

bool ignore_block(const core::Inside& inside, uintptr_t address) {
  track::Block block;
  if (!lies_in_block(track::find_block(address, &block, nullptr)) || !track::is_live(block.state)) return false;
  if (!enter(block.address, block.tick)) return false;
  if (track::divert_free(inside, block.address)) return true;
  forget_ignored(block.address);
  return false;
}

void begin_ignoring() { ++core::thread_slot.ignoring_depth; }

void end_ignoring() {
  if (core::thread_slot.ignoring_depth > 0) --core::thread_slot.ignoring_depth;
}

bool ignore_new_block(const track::Block& block) { return enter(block.address, block.tick); }

bool forget_ignored(uintptr_t address) {
  Entry entry;
  return ignored.take(address, &entry);
}

bool is_ignored(const track::Block& block) {
  Entry entry;
  return block.state == track::BlockState::live_of_loader && ignored.find(block.address, &entry) &&
         entry.tick == block.tick;
}

void for_each_ignored(IgnoredVisitor visit, void* context) {
  ignored.for_each([&](const Entry& entry) { visit(context, entry.address); });
}

void ignored_reset_after_fork() { ignored.reset_after_fork(); }

}  // namespace weir::leak

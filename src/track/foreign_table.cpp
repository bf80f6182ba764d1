#include "track/foreign_table.h"

#include "core/address_table.h"
#include "core/large_table.h"

namespace weir::track {
namespace {

constexpr size_t kShards = 64;

struct Entry {
  uintptr_t address;  // 0: empty
  size_t bytes;
  Record record;
};

using Shard = core::AddressTable<Entry, kShards>;
WEIR_LARGE_TABLE constinit Shard shards[kShards];

Shard& shard_of(uintptr_t address) { return shards[core::hash_of_address(address) % kShards]; }

Block block_of(const Entry& entry) {
  Block block;
  unpack(entry.record, &block);
  block.address = entry.address;
  block.bytes = entry.bytes;
  return block;
}

}  // namespace

bool foreign_insert(const Block& block) {
  return shard_of(block.address).insert({block.address, block.bytes, pack(block)});
}

bool foreign_find(uintptr_t address, Block* block) {
  Entry entry;
  if (!shard_of(address).find(address, &entry)) return false;
  *block = block_of(entry);
  return true;
}

bool foreign_take(uintptr_t address, Block* block) {
  Entry entry;
  if (!shard_of(address).take(address, &entry)) return false;
  *block = block_of(entry);
  return true;
}

bool foreign_set_state(uintptr_t address, BlockState state) {
  return shard_of(address).change(address, [state](Entry& entry) {
    entry.record.word1 = (entry.record.word1 & ~kStateMask) | static_cast<uint64_t>(state);
  });
}

void foreign_for_each(BlockVisitor visit, void* context) {
  for (Shard& shard : shards) shard.for_each([&](const Entry& entry) { visit(context, block_of(entry)); });
}

void foreign_reset_after_fork() {
  for (Shard& shard : shards) shard.reset_after_fork();
}

}  // namespace weir::track

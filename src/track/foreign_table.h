// Live blocks of allocators other than the pool: a sharded hash table by address. Used with the pool off, where the pool has no
// memory, and for nothing on the pool's hot path. Cost of insert and take: one short lock, about one cache miss.
#pragma once

#include <cstddef>
#include <cstdint>

#include "track/live_set.h"

namespace weir::track {

bool foreign_insert(const Block& block);
bool foreign_find(uintptr_t address, Block* block);
bool foreign_take(uintptr_t address, Block* block);
bool foreign_set_state(uintptr_t address, BlockState state);  // false where there is no such block
void foreign_for_each(BlockVisitor visit, void* context);
void foreign_reset_after_fork();

}  // namespace weir::track

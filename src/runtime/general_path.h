// The steps of an event that the plain path (plain_path.cpp) leaves to the general one (runtime.cpp). All of them run inside the
// guard, on the thread whose state is given.
#pragma once

#include <cstdint>

#include "core/guard.h"
#include "runtime/heap_faults.h"
#include "runtime/runtime.h"
#include "runtime/thread_state.h"

namespace weir::runtime {

// Tracks a block that the pool has just given for `request`, of natural alignment.
void track_pool_block(const core::Inside&, ThreadState&, const stack::Registers& caller, void* block, const Request&);

// Frees a block of the program's, whatever it is.
void release_inside(const core::Inside&, ThreadState&, const HeapCall& call);

// What a pool block holds from `address` on: the program may have used all of it, as malloc_usable_size allows. base: the pool's start
// of the block.
size_t usable_from(uintptr_t base, uintptr_t address);

// Makes the pool page known that holds `block`, which the pool has just given and which is not tracked: pages are what tells the
// pool's pointers from others'. Where the process samples.
void know_page_of(const core::Inside&, ThreadState&, void* block);

// Gives the pool the block that starts at `base` for it: now, or later, where CUDA's driver has it registered.
void release_to_pool(const core::Inside&, uintptr_t base);

// Frees the blocks that signal handlers freed while they had interrupted Weir on this thread.
void drain_deferred_frees(const core::Inside&, ThreadState&);

}  // namespace weir::runtime

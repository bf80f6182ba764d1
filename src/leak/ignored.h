// Blocks that the program excused: no leaks, and what they lead to is none either. LeakSanitizer's __lsan_ignore_object, and every block
// that is allocated between its __lsan_disable and __lsan_enable.
//
// A block is excused until it is freed: its free is not the plain path's (track::divert_free), and calls forget_ignored(). So a later
// block at the same address is never excused by an older one's entry; the tick of the allocation says so a second time, for a free that
// passed by unseen. realloc keeps a block excused.
//
// Threads: any, inside the re-entry guard, but for begin_ignoring() and end_ignoring(), which only count. A spin lock, and memory of the
// arena. Who stops other threads must not stop one that holds a lock of Weir's (core::thread_slot.locks_held).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/guard.h"
#include "core/thread_slot.h"
#include "track/record.h"

namespace weir::leak {

// Excuses the live block that `address` lies in. False where there is none, or memory is out.
bool ignore_block(const core::Inside&, uintptr_t address);

// The calling thread's blocks are excused from here on, until as many calls of end_ignoring(). One more end than begins is none. Whoever
// calls also sees to it that the thread's allocations are not the plain path's (runtime/thread_state.h).
void begin_ignoring();
void end_ignoring();
inline bool is_ignoring() { return core::thread_slot.ignoring_depth != 0; }

// A block of the calling thread's that is about to become live, of the state live_of_loader. False where memory is out.
bool ignore_new_block(const track::Block& block);

// The block at `address`, of the state live_of_loader, has left the live set. True where it was excused.
bool forget_ignored(uintptr_t address);

// Whether a live block is excused. Cost for those that are not of the state live_of_loader: a compare.
bool is_ignored(const track::Block& block);

// Calls visit(context, address) for each excused block, under the lock.
using IgnoredVisitor = void (*)(void* context, uintptr_t address);
void for_each_ignored(IgnoredVisitor visit, void* context);

void ignored_reset_after_fork();

}  // namespace weir::leak

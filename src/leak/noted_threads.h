// Threads that have been: where their stacks are. The libc keeps those of ended threads for the next ones, and what lies on them is nobody's.
#pragma once

#include <cstdint>

namespace weir::leak {

// By the thread itself, at its first event: its control block's address tells where its stack is. That it has ended is not noted: the libc
// may free what was the thread's after every destructor. Who is alive is known when it matters.
void note_thread(uintptr_t thread_pointer);

// Once, at the process's start: asks the loader how the libc lays out a thread's control block, which its interface for debuggers tells.
void learn_control_block();

// Of a thread that has ended, by its control block: whether somebody has had its result, which lies in that block until then. False where
// that is not known.
bool was_joined(uintptr_t thread_pointer);

// Calls visit for each that was noted, alive or not: the latest thousand or so.
void for_each_noted_thread(void (*visit)(void* context, uintptr_t thread_pointer), void* context);

}  // namespace weir::leak

// Threads that have ended: the libc keeps their stacks for the next ones, and what lies on them is nobody's.
#pragma once

#include <cstdint>

namespace weir::leak {

// By the thread itself: its control block's address tells where its stack is.
void note_thread_begun(uintptr_t thread_pointer);
void note_thread_ended(uintptr_t thread_pointer);

// Calls visit for each that has ended and whose place no later thread has taken, as far as they were noted: the latest thousand or so.
void for_each_ended_thread(void (*visit)(void* context, uintptr_t thread_pointer), void* context);

}  // namespace weir::leak

// Runs Weir's longer work on a stack of its own: the program's may be a small one, of a thread, a coroutine or a signal handler.
#pragma once

namespace weir::core {

// Calls function(argument) on a stack of 256 KiB, which is mapped for it (core/own_memory.h) and unmapped afterwards; on the present one
// where there is no memory. Unwinders come through to the caller. What the caller keeps in registers is put down on the present stack,
// where a leak check of another thread's looks for it.
void run_on_own_stack(void (*function)(void* argument), void* argument);

// The same of what takes no argument.
template <class Work>
void run_on_own_stack(const Work& work) {
  run_on_own_stack([](void* given) { (*static_cast<const Work*>(given))(); }, const_cast<Work*>(&work));
}

}  // namespace weir::core

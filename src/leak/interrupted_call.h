// The system call in which a signal met a thread: one that never goes on by itself after a handler, and would answer EINTR to the program.
//
// In the handler of a signal of Weir's: raw system calls only, nothing thread-local.
#pragma once

#include <ucontext.h>

namespace weir::leak {

// True where the kernel has made the call's answer EINTR.
bool would_end_early(const ucontext_t& context);

// Has the thread make such a call anew when the handler returns, as if the signal had come just before it. Not where it would show: a
// handler of the program's is due, whose coming ends the call; or which call it was cannot be read from the code in front of the thread.
// A wait for a time that begins with the call begins again, but for a sleep whose rest the kernel has written down. `signal`: the handler's.
void make_again(int signal, ucontext_t* context);

}  // namespace weir::leak

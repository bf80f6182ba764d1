// Which signal is the parking signal (leak/parking.h), and how it stays the program's as far as the program can tell.
//
// It is a real-time signal, from SIGRTMAX - 1 downward, that has its default action, is not blocked, and that the program has never
// named: by an action, by waiting for it, or by a mask that is about it alone. A program that names it makes Weir park by another one
// first; where none is left, by none.
#pragma once

#include "leak/signal_set.h"

namespace weir::runtime {

// From process_start.
void choose_parking_signal();

// The program is about to use these signals in a way of its own. Cost where the parking signal is not among them: two atomic
// operations. A child of vfork's, whose threads are not this process's, changes nothing.
void leave_signals_to_program(leak::SignalSet signals);

// Gives the parking signal up for good: the process confines itself.
void give_up_parking();

// The child's threads are one.
void parking_signal_reset_after_fork();

// The signal whose state the masks of the kernel's leave to be told from the others' (leak/signal_set.h); 0: none. Cost: one load.
int signal_told_from_others();

// The parking signal, its handler installed; 0 where that cannot be. From then on it is there in a process that is not being stopped.
// at_start: the program has no handlers yet.
int signal_with_handler(bool at_start = false);

// The program has a handler of an ordinary signal run on alternate stacks from now on: so does the parking signal's, where it is installed.
void follow_to_alternate_stacks();

// The same where a mask may be made so that it holds the signal open; installs the handler at the first call.
int signal_to_hold_open();

// While it lives the calling thread's mask is the very one that the program asked for: what is executed next inherits it. Cost: one
// system call; nothing where the process never held the signal open.
class TrueMask {
 public:
  TrueMask();
  ~TrueMask();
  TrueMask(const TrueMask&) = delete;
  TrueMask& operator=(const TrueMask&) = delete;

 private:
  int signal_;  // 0: nothing was changed
};

}  // namespace weir::runtime

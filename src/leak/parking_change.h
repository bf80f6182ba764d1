// Another parking signal, because the program uses the present one itself; and the calling thread's mask where it has to be true.
#pragma once

namespace weir::leak {

// Parks by `next` from now on (0: by none) and gives `signal` back: it has the action that the program gave it, and where
// `masks_hold_open` says that masks hold it open, every other thread gets the mask that its program asked for, by its own handler of
// the signal; the calling one calls block_where_held_open before. Meanwhile nobody may make a mask hold it open. Masks that lie saved
// (siglongjmp, ucontext) are not reached. Not within a round.
void replace_parking_signal(int signal, int next, bool masks_hold_open);

// The calling thread blocks the signal, which its program blocks and Weir held open. False, and nothing done, where it is not so.
bool block_where_held_open(int signal);
void hold_open_again(int signal);

// Runs `change` while the signal has the program's action in the place of Weir's handler, and no round is under way.
void with_program_action(int signal, void (*change)(void* context), void* context);

}  // namespace weir::leak

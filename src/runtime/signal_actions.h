// Signal actions by raw system calls: the libc's functions may be the host's own or another preload's.
#pragma once

namespace weir::runtime {

// True where the program handles the signal by a function of its own (neither the default action nor ignored).
bool has_handler(int signal_number);
bool has_default_action(int signal_number);
void set_default_action(int signal_number);
void unblock_signal(int signal_number);

// Sends the signal to the calling thread; delivered before it returns, unless blocked.
void raise_signal(int signal_number);

}  // namespace weir::runtime

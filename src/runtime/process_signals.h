// WEIR_ON_SIGNAL: a report where one of the listed signals would end the process. WEIR_SNAPSHOT_SIGNAL: a snapshot, and it lives on.
#pragma once

namespace weir::runtime {

// Installs a handler for each of these signals whose action is the default one. A handler that the program installs later
// replaces it, and then no report is written for that signal. From process_start.
void install_signal_handlers();

// Their timers are the parent's.
void signal_handlers_reset_after_fork();

// Gives the signals their default action back, where the handler is still Weir's.
void remove_signal_handlers();

}  // namespace weir::runtime

// The ends of the process, and the one report that each process writes.
#pragma once

#include <cstdint>

#include "core/confinement.h"

namespace weir::runtime {

using core::system_calls_restricted;

// No exit status to tell: the report leaves it out.
inline constexpr int kNoStatus = -1;

// Writes the report for a process that ends now. Only the first end counts: a second thread that ends the process
// meanwhile waits until the report is whole, a vfork child does nothing. `how` is a literal such as "_exit". Allocates
// nothing from the host, takes no lock of the host's, keeps errno. Blocks the thread's signals while it writes.
// Returns the status that the process is to end with: `status`, or under WEIR_EXITCODE that one (process_verdict.h). For a kNoStatus
// nothing is judged.
int process_end(const char* how, int status);

// The same for a check of the program's own that ends it: it has its functions of exit still to run, on threads that go on.
int process_end_by_check(int status);

// Nothing may interrupt a report half-way: a handler that ends the process would wait for it for ever.
class SignalsBlocked {
 public:
  explicit SignalsBlocked(uint64_t left_open = 0);  // bit (number - 1) of each
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  uint64_t before_ = 0;
};

// A report for an end that may yet fail or be survived (exec, daemon's fork, a seccomp filter, an abort that the
// program catches): written like any other, and taken back by undo_early_end or replaced by the next end. True where
// this call closed the process's state, so that undo_early_end must follow if the process lives on.
bool early_end(const char* how, int status = kNoStatus);
void undo_early_end();

// Whether an end has begun that was not taken back. Who asks with the turn of a check (only_check.h) and hears no is waited for by an end
// that begins now.
bool is_ending();

// The exit that a thread is in: remembered for the report that is written after all finalisers.
void note_quick_exit(int status);

// Registers the functions that run after every other finaliser. From process_start.
void register_for_end();

// The child's own end is still to come.
void process_end_reset_after_fork();

}  // namespace weir::runtime

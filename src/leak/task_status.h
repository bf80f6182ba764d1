// What /proc tells of one thread of the process, and where its control block lies. Threads are named as /proc names them (`task`).
#pragma once

#include <cstddef>
#include <cstdint>

#include "leak/signal_set.h"

namespace weir::leak {

struct TaskStatus {
  int tid = 0;              // as the process itself knows the thread
  char state = '?';         // R running, S asleep, D asleep and deaf to signals, T and t stopped, Z and X ended
  SignalSet blocked = 0;    // the kernel's mask
  bool has_filter = false;  // of seccomp
};

// False where the thread has ended, or /proc is not there.
bool read_task_status(int task, TaskStatus* status);

// The same for text of /proc/PID/task/TID/status; `task` is taken for the tid where the text names none.
void parse_task_status(const char* text, int task, TaskStatus* status);

inline bool has_ended(const TaskStatus& status) { return status.state == 'Z' || status.state == 'X'; }

constexpr size_t kCallArguments = 6;

// A thread that does not run.
struct BlockedCall {
  uintptr_t stack_pointer;
  uint64_t arguments[kCallArguments];  // of the system call it sleeps in; all 0 where it sleeps for another reason
};

// False where the thread runs, has ended, or the kernel does not tell.
bool read_blocked_call(int task, BlockedCall* call);
bool parse_blocked_call(const char* text, BlockedCall* call);

// The base of fs of a thread made by the libc, from the list of robust locks that the kernel keeps for it; 0 where it cannot be had. The
// thread may run, and end at any time.
uintptr_t thread_pointer_of(int tid);

// The same of the calling thread.
inline uintptr_t own_thread_pointer() {
  uintptr_t pointer;
  asm("mov %%fs:0, %0" : "=r"(pointer));
  return pointer;
}

// True where the libc's control block lies there: two of its words hold its own address. The words must be readable.
inline bool is_control_block(const uintptr_t* words, uintptr_t address) {
  return words[0] == address && words[2] == address;
}

}  // namespace weir::leak

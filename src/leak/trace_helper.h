// The helper: a process of Weir's that traces those threads which block the parking signal. It shares this process's memory, descriptors
// and folder, but is none of its threads, for no thread can trace another of its own process. It sends no signal when it ends, and
// wait() does not see it (waiting with __WALL or __WCLONE does).
//
// Where a seccomp filter is in place it gets a copy of the memory instead: a filter may kill for ptrace, and a process that is killed so
// may take others that share its memory with it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir::leak {

class ThreadTable;

// Lives in the table's spare room, which both processes see. All functions are the stopper's.
class TraceHelper {
 public:
  // Starts the helper; false where the kernel refuses. It stops the threads that want it as they come, after a call of look_again.
  bool start(ThreadTable* table, bool with_own_memory);
  void look_again();
  // Whether it is still there: a filter may have killed it.
  bool is_alive();
  // Lets all its threads go on, and ends it.
  void finish();

 private:
  static int run(void* argument);
  void serve();
  bool serve_entry(size_t index);
  bool look_for_stop(size_t index);
  void let_all_go();

  ThreadTable* table_;
  char* stack_;
  int pid_;
  bool is_tracer_allowed_;
  std::atomic<uint32_t> work_;  // counted up where there is something to look at
  std::atomic<bool> is_over_;
};

// The process that the program itself allowed to trace it (PR_SET_PTRACER), which Weir puts back: runtime tells it.
extern std::atomic<unsigned long> program_tracer;

}  // namespace weir::leak

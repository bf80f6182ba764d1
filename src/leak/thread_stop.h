// The safe point: all other threads of the process stopped, and what their registers hold.
//
// Ways, in this order, for each thread:
//   1. the parking signal (parking.h), whose handler writes down the registers and waits;
//   2. where the thread blocks that signal, a helper process that traces it (trace_helper.h);
//   3. where that is denied, /proc/self/task/TID/syscall: the stack pointer and the arguments of the call it sleeps in. Such a thread
//      is not stopped;
//   4. nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/guard.h"

namespace weir::leak {

class ThreadTable;
class TraceHelper;

inline constexpr size_t kGeneralRegisters = 16;

struct StoppedThread {
  int tid;
  bool registers_known;      // else the thread may be running
  uintptr_t stack_pointer;   // 0: unknown. The 128 bytes below it may be in use too (the red zone)
  uintptr_t thread_pointer;  // the base of fs, where the libc has its control block; 0: unknown
  // r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp. Where they are not known, the arguments of the system call that the thread sleeps
  // in stand in their places, and 0 elsewhere.
  uint64_t registers[kGeneralRegisters];
  const void*
      extended;  // the vector registers as XSAVE lays them out, in the program's memory or in a copy; nullptr: none
  size_t extended_bytes;  // whole words may be read
};

// Stops the other threads while it lives. One at a time in a process: a second one waits for the first to end.
//
// The caller must hold none of Weir's locks. While it lives, the calling thread has all its signals blocked and must neither call
// into the libc where it could take a lock nor allocate from the pool: a stopped thread may be anywhere, but holds none of Weir's own
// locks. Keeps errno. Memory comes from the kernel. Cost for a process of one thread: one system call.
class StoppedThreads {
 public:
  // Gives up after limit_ns; threads that have not stopped by then are unknown and run on.
  StoppedThreads(const core::Inside&, uint64_t limit_ns);
  ~StoppedThreads();
  StoppedThreads(const StoppedThreads&) = delete;
  StoppedThreads& operator=(const StoppedThreads&) = delete;

  // The process ends for good: a thread asleep in a system call that does not go on after a handler, and would answer EINTR to the
  // program, sleeps on for ever. All others go on.
  void keep_sleepers_asleep();

  // The other threads, each with what is known of it. The references live as long as this object.
  size_t size() const { return count_; }
  const StoppedThread& operator[](size_t index) const;

  bool all_known() const { return unknown_ == 0; }
  // Threads whose registers are not known. At least 1 where not even their number is known.
  size_t unknown_count() const { return unknown_; }
  // The mapping in which this is kept, 0 bytes where there is none: Weir's memory, not the program's.
  const void* own_memory() const { return table_; }
  size_t own_memory_bytes() const;

  // A clause for the report: why registers are not known. nullptr where all are.
  const char* why_unknown() const { return why_; }

 private:
  void stop_all(uint64_t limit_ns);
  void count_known();
  void let_go();

  ThreadTable* table_ = nullptr;
  TraceHelper* helper_ = nullptr;  // lives in the table's mapping
  size_t count_ = 0;
  size_t unknown_ = 0;
  const char* why_ = nullptr;
  uint64_t mask_before_ = 0;
  bool owns_round_ = false;
};

}  // namespace weir::leak

// The life of the process: when tracking starts, what is known of the process, how it ends and when its report is
// written.
//
// What the rest of the library calls: ensure_started() at every first event, facts() for the report,
// core::system_calls_restricted() before a system call that is not needed. What the preload calls: the functions of
// process_end.h, process_exec.h and process_seccomp.h.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/clock.h"

namespace weir::runtime {

enum class Stage : uint8_t {
  fresh,     // no event yet: the environment has not been read
  starting,  // one thread reads it; events of other threads and of the reading itself pass on untracked
  tracking,
  off,  // WEIR=off, a setuid program, or a program that WEIR_FOLLOW=off leaves alone: every call is passed straight on
};
extern std::atomic<Stage> process_stage;

bool start_lazily();  // the rare part of ensure_started()

// True where events are to be tracked. Reads the environment and the process's facts at the first call, also before
// libc and any constructor have run. Cost: one load once started. Any thread, any time, signal handlers included.
inline bool ensure_started() {
  if (process_stage.load(std::memory_order_acquire) == Stage::tracking) [[likely]]
    return true;
  return start_lazily();
}

inline constexpr size_t kMaxPathBytes = 4096;
inline constexpr size_t kMaxArguments = 256;
inline constexpr size_t kMaxArgumentBytes = size_t{16} << 10;  // all arguments together, with their final zeros

// What is fixed at start, or at the fork that made this process. Read-only for all others.
struct ProcessFacts {
  int pid = 0, ppid = 0;
  const char* exe = "";               // absolute path of the executable; "" where it cannot be read
  const char* start_folder = "";      // absolute; "" where it cannot be read
  const char* const* argv = nullptr;  // copied, bounded by the constants above
  size_t argc = 0;
  bool argv_truncated = false;
  const char* rank = nullptr;  // of a parallel job, by its launcher's variables
  core::ClockPair start = {};
  uint64_t start_realtime_ns = 0;
  // No ancestor in this process's line runs under Weir: it owns a path without %p and %n.
  bool is_first_process = false;
  bool is_forked = false;           // made by fork from a process that was tracked already
  uint64_t ignore_before_tick = 0;  // older blocks are the parent's; no block has this very tick; 0 unless is_forked
};
extern ProcessFacts process_facts;  // written by the start of the process and by fork only
inline const ProcessFacts& facts() { return process_facts; }

// True in the process that facts() describes. A vfork child shares this memory and has another pid: it must not touch
// Weir's state or write. One system call.
bool is_own_process();

// The preload's constructor. Registers for the end of the process, fork and signals; earlier events may have started
// tracking.
void process_start(int argc, char** argv, char** envp);

}  // namespace weir::runtime

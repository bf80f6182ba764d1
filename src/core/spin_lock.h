// A lock for Weir's slow paths: no allocation, no system call unless contended, safe to take while the host holds any of its
// own locks because nothing foreign is called under it.
#pragma once

#include <sys/single_threaded.h>

#include <atomic>

#include "core/confinement.h"
#include "core/system_call.h"
#include "core/thread_slot.h"

namespace weir::core {

class SpinLock {
 public:
  constexpr SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() {
    count_before();
    if (take_alone()) return;
    for (int spins = 0; held_.exchange(true, std::memory_order_acquire); ++spins) {
      if (spins < kSpinsBeforeYield) {
        __builtin_ia32_pause();
      } else if (!system_calls_restricted()) {
        system_call(SYS_sched_yield);
      }
    }
  }
  bool try_lock() {
    count_before();
    if (take_alone()) return true;
    const bool taken = !held_.exchange(true, std::memory_order_acquire);
    if (!taken) uncount_after();
    return taken;
  }
  void unlock() {
    held_.store(false, std::memory_order_release);
    uncount_after();
  }
  // After fork the child has one thread: whatever another thread of the parent held is free.
  void reset_after_fork() { held_.store(false, std::memory_order_relaxed); }

 private:
  // In the process's only thread. An exchange waits until all that was written before has reached the cache: as long as the rest of a new
  // stack's way through its table takes. A thread that comes to be while the lock is held, as by a signal handler, finds it held.
  bool take_alone() {
    if (__libc_single_threaded == 0 || held_.load(std::memory_order_relaxed)) return false;
    held_.store(true, std::memory_order_relaxed);
    return true;
  }

  // A signal handler on this thread must never see a lock held that is not counted: it would wait for itself.
  static void count_before() {
    ++thread_slot.locks_held;
    asm volatile("" ::: "memory");
  }
  static void uncount_after() {
    asm volatile("" ::: "memory");
    --thread_slot.locks_held;
  }

  static constexpr int kSpinsBeforeYield = 64;
  std::atomic<bool> held_{false};
};

class LockScope {
 public:
  explicit LockScope(SpinLock& lock) : lock_(lock) { lock_.lock(); }
  ~LockScope() { lock_.unlock(); }
  LockScope(const LockScope&) = delete;
  LockScope& operator=(const LockScope&) = delete;

 private:
  SpinLock& lock_;
};

}  // namespace weir::core

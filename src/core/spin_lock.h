// A lock for Weir's slow paths: no allocation, no system call unless contended, safe to take while the host holds any of its
// own locks because nothing foreign is called under it.
#pragma once

#include <atomic>

#include "core/system_call.h"

namespace weir::core {

class SpinLock {
 public:
  constexpr SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() {
    for (int spins = 0; held_.exchange(true, std::memory_order_acquire); ++spins) {
      if (spins < kSpinsBeforeYield) {
        __builtin_ia32_pause();
      } else {
        system_call(SYS_sched_yield);
      }
    }
  }
  bool try_lock() { return !held_.exchange(true, std::memory_order_acquire); }
  void unlock() { held_.store(false, std::memory_order_release); }
  // After fork the child has one thread: whatever another thread of the parent held is free.
  void reset_after_fork() { held_.store(false, std::memory_order_relaxed); }

 private:
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

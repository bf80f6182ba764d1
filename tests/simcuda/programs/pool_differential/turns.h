// Threads that take turns: at each moment one of them runs.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "calls.h"

namespace differential {

class Turns {
 public:
  Turns() {
    for (size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this, i] { run(i); });
  }
  ~Turns() {
    take(kThreads, {});
    for (std::thread& thread : threads_) thread.join();
  }
  // Has the thread do it, and waits.
  void take(size_t thread, std::function<void()> what) {
    std::unique_lock lock(mutex_);
    what_ = std::move(what);
    next_ = thread;
    changed_.notify_all();
    if (thread < kThreads) changed_.wait(lock, [this] { return next_ == kNobody; });
  }

 private:
  static constexpr size_t kNobody = kThreads + 1;
  void run(size_t number) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return next_ == number || next_ == kThreads; });
      if (next_ == kThreads) return;
      what_();
      next_ = kNobody;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  size_t next_ = kNobody;
  std::function<void()> what_;
  std::vector<std::thread> threads_;
};

}  // namespace differential

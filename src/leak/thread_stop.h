// The safe point: all other threads of the process stopped, and where each of them was.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/guard.h"
#include "core/scratch.h"

namespace weir::leak {

struct StoppedThread {
  int tid;
  bool registers_known;
  uintptr_t stack_pointer;
  uintptr_t thread_pointer;
  uint64_t registers[16];
  const void* extended;
  size_t extended_bytes;
};

class StoppedThreads {
 public:
  explicit StoppedThreads(const core::Inside&, uint64_t limit_ns);
  ~StoppedThreads();
  StoppedThreads(const StoppedThreads&) = delete;
  StoppedThreads& operator=(const StoppedThreads&) = delete;

  size_t size() const { return threads_.size(); }
  const StoppedThread& operator[](size_t index) const { return threads_[index]; }
  bool all_known() const { return unknown_count() == 0; }
  size_t unknown_count() const { return threads_.size(); }
  const char* why_unknown() const { return all_known() ? nullptr : "other threads could not be stopped"; }

 private:
  core::ScratchArray<StoppedThread> threads_;
};

}  // namespace weir::leak

// The leak check: what becomes of each block that is still allocated, at one moment.
//
// The classes are right for the moment at which all other threads stood still; they go on once let_go() is called or the object goes, which
// a caller delays until it has read what it wants of the live sets.
#pragma once

#include <cstdint>

#include "core/guard.h"
#include "cuda/allocation.h"
#include "leak/device_index.h"
#include "leak/driver_memory.h"
#include "leak/heap_index.h"
#include "leak/leak_class.h"
#include "leak/memory_map.h"
#include "leak/present_pages.h"
#include "leak/reachability.h"
#include "leak/roots.h"
#include "leak/thread_stop.h"
#include "track/record.h"

namespace weir::leak {

struct CheckFigures {
  uint64_t scanned_bytes;
  uint64_t stopped_ns;  // until the classes were known
  uint64_t thread_count, unknown_thread_count;
};

class Classification {
 public:
  Classification() = default;
  ~Classification() { let_go(); }
  Classification(const Classification&) = delete;
  Classification& operator=(const Classification&) = delete;

  // Stops the other threads and classifies. is_last: the process ends for good. False where it cannot be done: everything is `live` then,
  // and why_not() says why.
  bool take(const core::Inside& inside, bool is_last);
  void let_go();

  bool done() const { return done_; }
  const char* why_not() const { return why_not_; }    // a clause; nullptr where it was done
  const char* in_doubt() const { return in_doubt_; }  // why nothing is called lost; nullptr where it may be
  const CheckFigures& figures() const { return figures_; }

  LeakClass class_of(const track::Block& block) const;
  LeakClass class_of(const cuda::Allocation& allocation) const;
  // Of a possibly lost allocation of CUDA's: that device memory may hold its address, where nobody can look.
  bool may_be_held_on_device(const cuda::Allocation& allocation) const;
  // What hangs from a lost block alone; nullptr for others.
  const Leader* leader_of(const track::Block& block) const;

 private:
  const char* classify(const core::Inside& inside, bool is_last);

  alignas(StoppedThreads) unsigned char threads_storage_[sizeof(StoppedThreads)];
  StoppedThreads* threads_ = nullptr;
  MemoryMap map_;
  PresentPages pages_;
  HeapIndex heap_;
  DeviceIndex devices_;
  DriverMemory driver_;
  core::ScratchArray<Leader> leaders_;
  CheckFigures figures_{};
  const char* why_not_ = "it was not asked for";
  const char* in_doubt_ = nullptr;
  bool done_ = false;
};

}  // namespace weir::leak

// Where a walk begins: the memory of the program's that no block is, as far as it is in use.
//
// All readable memory but what holds no pointers of the program's that count: the pool's and Weir's own memory, devices, code and constants,
// the part of a stack that is not in use, stacks of threads that have ended. Beside memory, the registers of all threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/own_memory.h"
#include "core/scratch.h"
#include "leak/caller_frame.h"
#include "leak/device_index.h"
#include "leak/heap_index.h"
#include "leak/memory_map.h"
#include "leak/reachability.h"
#include "leak/thread_stop.h"

namespace weir::leak {

class Roots {
 public:
  Roots(const MemoryMap& map, HeapIndex& heap, const DeviceIndex& devices)
      : map_(map), heap_(heap), devices_(devices) {}

  // False where working memory is out.
  bool gather(const CallerFrame& caller, const StoppedThreads& threads);

  // Walks from all of them.
  void walk(const CallerFrame& caller, const StoppedThreads& threads, Reachability& reachability) const;

 private:
  using Range = core::OwnRange;

  void leave_out(uintptr_t start, uintptr_t end);
  void leave_out_weir();
  void leave_out_own_memory();
  void leave_out_blocks();
  void leave_out_device_memory();
  void leave_out_unused_stack(uintptr_t used_from, uintptr_t thread_pointer);
  void leave_out_ended_stacks(const StoppedThreads& threads);
  bool is_guarded_stack(const Area& area) const;
  void add_area(const Area& area);
  void walk_stack_in_block(uintptr_t stack_pointer, Reachability& reachability) const;
  void walk_ignored_block(uintptr_t address, Reachability& reachability) const;
  void walk_region(uintptr_t start, uintptr_t end, Reachability& reachability) const;
  void walk_what_the_program_named(Reachability& reachability) const;

  const MemoryMap& map_;
  HeapIndex& heap_;
  const DeviceIndex& devices_;
  core::ScratchArray<Range> left_out_;
  core::ScratchArray<Range> ranges_;
  bool out_of_memory_ = false;
};

}  // namespace weir::leak

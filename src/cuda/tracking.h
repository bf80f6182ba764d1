// The steps around the driver's calls that give memory and take it back.
#pragma once

#include "cuda/allocation_table.h"
#include "cuda/call.h"

namespace weir::cuda {

// Where a call works: the thread's current context and its device.
struct Place {
  uint64_t context = 0;
  int device = kNoDevice;
};
Place current_place();

// The device that the driver tells of a pointer; the other where it does not know.
int device_of_pointer(Address address, int otherwise);

// What stream-ordered memory is: async, or managed or pinned, where it came from such a pool.
Kind kind_of_pool_memory(Address address);

// What a call that succeeded, made at `place`, has given. Fills origin and function; context and device are the caller's to fill.
void note_allocated(const Call& call, Allocation& allocation, const Place& place);

// The same of a call that the driver did not see: its memory is as before.
void note_allocated_from_pool(const Call& call, Allocation& allocation);

// The same in the current context.
void note_allocated_here(const Call& call, Allocation& allocation);

// A call for `bytes` of that kind that the driver refused. 0: of no known size.
void note_refused(const Call& call, Kind kind, uint64_t bytes, Result result);

// A call that frees: made before the driver's function runs, finished after it.
class Release {
 public:
  // What begins at `key`, if its kind is one of `kinds`, leaves the live set.
  Release(const Call& call, Space space, uint64_t key, uint32_t kinds);
  Release(const Release&) = delete;
  Release& operator=(const Release&) = delete;

  // Counts it, or puts it back and says what was wrong with the pointer.
  Result finish(Result result);
  // The same of a call that the driver did not see.
  Result finish_in_pool(Result result);

 private:
  void free_other_kind();

  const Call& call_;
  Space space_;
  uint64_t key_;
  uint64_t serial_;  // what is newer came after the call began
  bool is_known_;
  Allocation freed_;
};

}  // namespace weir::cuda

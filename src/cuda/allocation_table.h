// The live set of what CUDA gave: by key, with exact figures per device and kind. A CUDA call takes microseconds, so one lock and a
// tree by address serve, which also finds interior pointers.
//
// Threads: any. A release is two steps around the driver's call: detach() before, as another thread may get the address as soon as the
// driver has it, then count_freed() or, where the driver refused, restore(). No lock is held between the calls.
#pragma once

#include "cuda/allocation.h"

namespace weir::cuda {

struct KindFigures {
  uint64_t alloc_count, alloc_bytes;
  uint64_t free_count, free_bytes;                    // by calls that free it
  uint64_t context_freed_count, context_freed_bytes;  // by the end of its context
  uint64_t peak_bytes;
  uint64_t live_taken_bytes;
  uint64_t failed_count;  // calls that the driver refused

  uint64_t live_count() const { return alloc_count - free_count - context_freed_count; }
  uint64_t live_bytes() const { return alloc_bytes - free_bytes - context_freed_bytes; }
};

inline constexpr int kMostDevices = 32;  // devices beyond are counted with the last
inline constexpr bool is_listed(int device) { return device >= 0 && device < kMostDevices; }

struct DeviceFigures {
  KindFigures kinds[kKinds];
  uint64_t live_bytes, peak_bytes;  // of kinds that are on the device
  uint64_t peak_tick;
  bool is_used;
};

// Adds what the driver has just given, where its kind is tracked. What the table still has there is gone unseen: counted as freed by its
// context's end.
void insert_allocation(const Allocation& allocation);

// Takes out what begins at `key`, if its kind is one of `kinds` (a bit each); false, and nothing changed, if not.
bool detach_allocation(Space space, uint64_t key, uint32_t kinds, Allocation* result);
inline constexpr uint32_t bit_of(Kind kind) { return 1U << static_cast<unsigned>(kind); }
inline constexpr uint32_t kAnyKind = UINT32_MAX;

void count_freed(const Allocation& allocation);
void restore_allocation(const Allocation& allocation);

void count_failed(Kind kind, int device);

// What is given several times (a VMM handle, opened memory) is given back as often. False where nothing begins at `key`.
bool add_reference(Space space, uint64_t key);
// True where others, or mappings, are left: it is not gone yet.
bool drop_reference(Space space, uint64_t key);

// Physical memory is mapped once more, or once less; it goes, as freed, with its last owner or its last mapping.
void add_mapping(uint64_t handle);
void drop_mapping(uint64_t handle);

// What `key` lies in: at its start or inside. False if nothing.
bool find_allocation(Space space, uint64_t key, Allocation* result);

// The serial of the latest allocation: what is inserted later has a higher one.
uint64_t last_serial();

// Takes out everything of a context that is not newer than `serial`, and visits it.
using AllocationVisitor = void (*)(void* context, const Allocation& allocation);
void take_of_context(uint64_t context, uint64_t serial, AllocationVisitor visit, void* visitor);

// Takes out, as freed, or gives to another owner, everything that is one's (see Allocation::owner).
void take_of_owner(Space space, uint64_t owner);
void give_to_owner(Space space, uint64_t from, uint64_t to);

// Live allocations, by space and key. The lock is held: `visit` must not call the table.
void for_each_allocation(AllocationVisitor visit, void* context);

// device: kNoDevice for what belongs to none.
DeviceFigures device_figures(int device);

// The live bytes of a device and of page-locked host memory of its contexts.
struct DeviceLive {
  bool is_used;
  uint64_t bytes, pinned_bytes;
};
DeviceLive device_live(int device);

// True once anything was inserted or refused.
bool any_allocation();

// In a forked child: what its parent had is the parent's.
void allocation_table_reset_after_fork();

}  // namespace weir::cuda

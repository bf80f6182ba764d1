// The program's own mappings: an interval map by address of what mmap, mremap, sbrk and shmat gave it and munmap, sbrk,
// shmdt or a MAP_FIXED over it have not taken away. Pieces of one mapping that a partial munmap or mprotect cut apart are
// intervals of their own and keep its stack.
//
// Threads: any. A release is two steps around the system call: detach() before, so that the address can be handed to another
// thread the moment the kernel has it, then forget() or, on failure, restore(). An acquisition is inserted after the call and
// before the program has the address. No lock is held between the calls, none while a visitor runs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ids.h"

namespace weir::track {

enum class MappingKind : uint8_t { anonymous = 0, file, shared_anonymous, brk, sysv };
inline constexpr size_t kMappingKinds = 5;
inline constexpr const char* kMappingKindNames[kMappingKinds] = {"anonymous", "file", "shared_anonymous", "brk",
                                                                 "sysv"};

// A file by its path, interned: equal paths are one object. Lives as long as the process.
struct MappedFile {
  const char* path;       // as /proc/self/fd named it when it was mapped; "(unknown)" where it could not be read
  uint64_t map_count;     // mappings made of it
  uint64_t mapped_bytes;  // live now
  uint64_t mapped_peak_bytes;
  uint64_t resident_bytes;  // of the live mappings, as of measure_residency()
};

// One interval as readers see it.
struct Mapping {
  uintptr_t address = 0;
  size_t bytes = 0;  // whole pages, but for brk
  MappingKind kind = MappingKind::anonymous;
  int protection = 0;          // PROT_*, as the last mmap or mprotect left it
  int flags = 0;               // MAP_*, as mmap got them; 0 for brk, SHM_* for sysv
  uint64_t offset = 0;         // of the interval's start within its file or segment; bytes
  MappedFile* file = nullptr;  // for kind file only
  core::StackId stack = core::StackId::unknown;
  core::ThreadId thread = core::ThreadId::unknown;
  uint64_t tick = 0;            // core::current_tick() of the mapping
  uint64_t resident_bytes = 0;  // as of measure_residency(); 0 before
  uint64_t serial = 0;          // equal for the pieces of one mapping; given by the table
  bool continues = false;       // for visitors: a piece of the same mapping as the interval visited before

  uintptr_t end() const { return address + bytes; }
  // Address space only: no access is allowed, nothing is committed.
  bool reserved() const { return protection == 0; }
  // Memory that the program took for itself; a live file mapping is reported by path instead.
  bool counts_as_leak() const { return kind != MappingKind::file && kind != MappingKind::brk; }
};

struct MappingFigures {
  uint64_t map_count;       // calls that acquired memory
  uint64_t mapped_bytes;    // by all of them
  uint64_t unmapped_bytes;  // taken away again
  uint64_t live_count;      // intervals now
  uint64_t peak_bytes;      // highest live bytes
  uint64_t reserved_bytes;  // live and without access
  uint64_t resident_bytes;  // live and in memory, as of measure_residency()

  uint64_t live_bytes() const { return mapped_bytes - unmapped_bytes; }
  uint64_t committed_bytes() const { return live_bytes() - reserved_bytes; }
};

struct MappingTotals {
  MappingFigures all;
  MappingFigures kinds[kMappingKinds];
  uint64_t peak_tick;        // when all.peak_bytes was reached
  uint64_t failed_count;     // calls that the kernel refused
  uint64_t untracked_count;  // mappings that live untracked because metadata memory ran out
  uint64_t nested_count;     // calls made while the thread was inside Weir (signal handlers): passed on unseen
  bool residency_known;      // measure_residency() could read /proc/self/smaps
};
MappingTotals read_mapping_totals();
uint64_t live_mapped_bytes();  // MappingTotals::all.live_bytes()

// Calls visit(context, mapping) for each interval by ascending address. Exact where no other thread maps meanwhile.
using MappingVisitor = void (*)(void* context, const Mapping& mapping);
void for_each_mapping(MappingVisitor visit, void* context);

// Calls visit(context, file) for each file ever mapped, in order of first sight.
using MappedFileVisitor = void (*)(void* context, const MappedFile& file);
void for_each_mapped_file(MappedFileVisitor visit, void* context);

// Asks the kernel which of the tracked pages are still mapped and which are in memory: fills resident_bytes everywhere and
// drops what a raw system call or a library's own code unmapped unseen. For the end of the process and rare calls: reads
// /proc/self/smaps, so not once the program has confined itself by seccomp. False where that file cannot be read.
bool measure_residency();

// ---- For the runtime's hooks -------------------------------------------------------------------------------------------

// The interned file of `path` (a shared "(other files)" beyond 65,536 of them); nullptr when memory ran out.
MappedFile* intern_mapped_file(const char* path, size_t length);

// Intervals taken out of the map for the time of a system call.
struct DetachedMappings {
  void* first = nullptr;
};

// Takes out whatever lies in [address, address + bytes), cutting intervals at its ends.
DetachedMappings detach_mappings(uintptr_t address, size_t bytes);

// The pieces of a System V segment attached at `address`, wherever their ends are now.
DetachedMappings detach_attached_segment(uintptr_t address);

// The first detached interval; false if there is none.
bool first_detached(const DetachedMappings& detached, Mapping* result);

// The memory is gone: counts it as unmapped. Clears `detached`.
void forget_mappings(DetachedMappings& detached);

// The system call failed: puts back every piece, around whatever another thread has mapped there meanwhile. Clears `detached`.
// ask_kernel: only what is still mapped, as a MAP_FIXED or an mremap may fail after it has unmapped its target; one mincore
// for each piece.
void restore_mappings(DetachedMappings& detached, bool ask_kernel);

// The interval that `address` lies in; false if there is none.
bool find_mapping(uintptr_t address, Mapping* result);

// Adds a new interval; what the map still had there is dropped, as the kernel has just replaced it. A mapping of no bytes is
// ignored.
void insert_mapping(const Mapping& mapping);

// mprotect has changed the protection of [address, address + bytes).
void protect_mappings(uintptr_t address, size_t bytes, int protection);

void count_failed_mapping();
void count_untracked_mapping();
void count_nested_mapping();

// After fork the child has the parent's memory and one thread: the lock is free; the parent's intervals are dropped and all
// counts start at zero, as the parent reports them.
void mapping_table_reset_after_fork();

// Empties the table and its counts; for unit tests.
void mapping_table_clear();

}  // namespace weir::track

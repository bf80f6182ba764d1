#include "runtime/mappings.h"

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "core/clock.h"
#include "core/print.h"
#include "core/system_call.h"
#include "cuda/pool/host_pins.h"
#include "leak/present_pages.h"
#include "options/options.h"
#include "runtime/host_mapping_calls.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/thread_state.h"
#include "runtime/timeline.h"
#include "stack/python_frames.h"
#include "track/mapping_table.h"

namespace weir::runtime {
namespace {

using track::DetachedMappings;
using track::Mapping;
using track::MappingKind;

constexpr size_t kPageBytes = 4096;
constexpr size_t kDefaultHugePageBytes = size_t{2} << 20;
constexpr int kHugeShift = 26;  // MAP_HUGE_SHIFT
constexpr int kHugeMask = 63;
constexpr const char kUnknownFile[] = "(unknown)";

bool tracking() { return ensure_started() && options::tracks_mmap(); }

uintptr_t number(const void* address) { return reinterpret_cast<uintptr_t>(address); }

size_t page_bytes_of(int flags) {
  if ((flags & MAP_HUGETLB) == 0) return kPageBytes;
  const int shift = (flags >> kHugeShift) & kHugeMask;
  return shift == 0 ? kDefaultHugePageBytes : size_t{1} << shift;
}

size_t rounded_up(size_t bytes, size_t unit) { return (bytes + unit - 1) & ~(unit - 1); }

// ---- The steps around a system call. Each is inside Weir for itself, so that nothing foreign runs inside. ----

// Before memory is given back or replaced: its intervals leave the table first, as another thread may get the address as soon
// as the kernel has it.
DetachedMappings detach(uintptr_t address, size_t bytes) {
  core::Guard guard;
  return guard.entered() ? track::detach_mappings(address, bytes) : DetachedMappings{};
}

void forget(DetachedMappings detached) {
  if (detached.first == nullptr) return;
  core::Guard guard;
  if (!guard.entered()) return;
  track::forget_mappings(detached);
  note_time(guard.token());
}

void restore(DetachedMappings detached) {
  if (detached.first == nullptr) return;
  core::Guard guard;
  if (guard.entered()) track::restore_mappings(detached, !system_calls_restricted());
}

void note_failure() {
  core::Guard guard;
  if (guard.entered()) track::count_failed_mapping();
}

bool entered_or_counted(const core::Guard& guard) {
  if (!guard.entered()) track::count_nested_mapping();
  return guard.entered();
}

// The new memory enters the table before the program has its address.
void insert(const core::Inside& inside, const stack::Registers& caller, Mapping mapping) {
  if (ThreadState* thread = this_thread(inside)) {
    mapping.thread = thread->counters->id;
    if (thread->last_stack != nullptr) mapping.stack = stack::capture_all(inside, *thread->last_stack, caller);
  }
  mapping.tick = core::current_tick();
  track::insert_mapping(mapping);
  note_time(inside, mapping.tick);
}

void insert(const stack::Registers& caller, const Mapping& mapping) {
  core::Guard guard;
  if (entered_or_counted(guard)) insert(guard.token(), caller, mapping);
}

// Where the heap's own blocks are registered with CUDA's driver: the kernel's pages behind these addresses will be others.
void note_pages_changed(const void* address, size_t bytes) {
  if (!cuda::pool::has_host_pins()) [[likely]]
    return;
  core::Guard guard;
  if (guard.entered()) cuda::pool::note_pages_changed({number(address), rounded_up(bytes, kPageBytes)});
}

// ---- mmap ----

// The descriptor's file by name. The libc's own readlink would touch errno.
track::MappedFile* file_of(int fd) {
  char link[64];
  char path[kMaxPathBytes];
  core::TextBuffer text(link);
  text.text("/proc/thread-self/fd/").signed_decimal(fd);
  const long length = system_calls_restricted()
                          ? -1
                          : core::system_call(SYS_readlink, core::as_argument(link), core::as_argument(path),
                                              static_cast<long>(sizeof path));
  if (length <= 0) return track::intern_mapped_file(kUnknownFile, sizeof kUnknownFile - 1);
  return track::intern_mapped_file(path, static_cast<size_t>(length));
}

MappingKind kind_of(int flags) {
  if ((flags & MAP_ANONYMOUS) == 0) return MappingKind::file;
  return (flags & MAP_SHARED) != 0 ? MappingKind::shared_anonymous : MappingKind::anonymous;  // also SHARED_VALIDATE
}

bool replaces(int flags) { return (flags & MAP_FIXED) != 0; }  // MAP_FIXED_NOREPLACE is a bit of its own

void insert_mapped(const stack::Registers& caller, const MapRequest& request, const void* result) {
  core::Guard guard;
  if (!entered_or_counted(guard)) return;
  Mapping mapping;
  mapping.address = number(result);
  mapping.bytes = rounded_up(request.bytes, page_bytes_of(request.flags));
  mapping.kind = kind_of(request.flags);
  mapping.protection = request.protection;
  mapping.flags = request.flags;
  mapping.offset = static_cast<uint64_t>(request.offset);
  if (mapping.kind == MappingKind::file) mapping.file = file_of(request.fd);
  insert(guard.token(), caller, mapping);
}

// ---- mremap ----

// The mapping that a moved or resized one continues; false where Weir never saw it.
bool find_origin(const RemapRequest& request, Mapping* origin) {
  core::Guard guard;
  const uintptr_t address = number(request.address);
  if (!entered_or_counted(guard) || !track::find_mapping(address, origin)) return false;
  origin->offset += address - origin->address;
  origin->address = address;
  return true;
}

bool keeps_origin(const RemapRequest& request) { return request.bytes == 0 || (request.flags & MREMAP_DONTUNMAP) != 0; }

// ---- System V segments ----

size_t segment_bytes(int id) {
  shmid_ds description{};
  if (system_calls_restricted()) return 0;
  const long result = core::system_call(SYS_shmctl, id, IPC_STAT, core::as_argument(&description));
  return core::failed(result) ? 0 : rounded_up(description.shm_segsz, kPageBytes);
}

int segment_protection(int flags) {
  return PROT_READ | ((flags & SHM_RDONLY) != 0 ? 0 : PROT_WRITE) | ((flags & SHM_EXEC) != 0 ? PROT_EXEC : 0);
}

void insert_segment(const stack::Registers& caller, const void* result, size_t bytes, int flags) {
  core::Guard guard;
  if (!entered_or_counted(guard)) return;
  if (bytes == 0) {
    track::count_untracked_mapping();
    return;
  }
  Mapping mapping;
  mapping.address = number(result);
  mapping.bytes = bytes;
  mapping.kind = MappingKind::sysv;
  mapping.protection = segment_protection(flags);
  mapping.flags = flags;
  insert(guard.token(), caller, mapping);
}

DetachedMappings detach_segment_at(const void* address) {
  core::Guard guard;
  return entered_or_counted(guard) ? track::detach_attached_segment(number(address)) : DetachedMappings{};
}

void insert_break(const stack::Registers& caller, uintptr_t from, uintptr_t to) {
  Mapping mapping;
  mapping.address = from;
  mapping.bytes = to - from;
  mapping.kind = MappingKind::brk;
  mapping.protection = PROT_READ | PROT_WRITE;
  insert(caller, mapping);
}

}  // namespace

void* map_memory(const stack::Registers& caller, const MapRequest& request) {
  const auto map = [&] {
    return call_mmap(request.address, request.bytes, request.protection, request.flags, request.fd, request.offset);
  };
  if (replaces(request.flags)) note_pages_changed(request.address, request.bytes);
  if (!tracking()) return map();
  DetachedMappings replaced;
  if (replaces(request.flags)) {
    replaced = detach(number(request.address), rounded_up(request.bytes, page_bytes_of(request.flags)));
  }
  void* result = map();
  if (result == MAP_FAILED) {
    restore(replaced);
    note_failure();
    return result;
  }
  forget(replaced);
  insert_mapped(caller, request, result);
  return result;
}

int unmap_memory(void* address, size_t bytes) {
  note_pages_changed(address, bytes);
  stack::notice_release(0);
  if (!tracking()) return call_munmap(address, bytes);
  DetachedMappings released = detach(number(address), rounded_up(bytes, kPageBytes));
  const int result = call_munmap(address, bytes);
  if (result == 0) {
    forget(released);
  } else {
    restore(released);
  }
  return result;
}

void* remap_memory(const stack::Registers& caller, const RemapRequest& request) {
  const auto remap = [&] {
    return call_mremap(request.address, request.bytes, request.new_bytes, request.flags, request.new_address);
  };
  Mapping mapping;
  note_pages_changed(request.address, request.bytes);
  if (!tracking()) return remap();
  const bool known = find_origin(request, &mapping);
  const size_t page = known ? page_bytes_of(mapping.flags) : kPageBytes;
  const size_t new_bytes = rounded_up(request.new_bytes, page);
  DetachedMappings target, origin;
  if ((request.flags & MREMAP_FIXED) != 0) target = detach(number(request.new_address), new_bytes);
  if (!keeps_origin(request)) origin = detach(number(request.address), rounded_up(request.bytes, page));
  void* result = remap();
  if (result == MAP_FAILED) {
    restore(origin);
    restore(target);
    note_failure();
    return result;
  }
  forget(origin);
  forget(target);
  mapping.address = number(result);
  mapping.bytes = new_bytes;
  if (known) insert(caller, mapping);
  return result;
}

int protect_memory(void* address, size_t bytes, int protection) {
  note_pages_changed(address, bytes);
  const int result = call_mprotect(address, bytes, protection);
  if (result != 0 || !tracking()) return result;
  core::Guard guard;
  if (!entered_or_counted(guard)) return result;
  constexpr int kAccess = PROT_READ | PROT_WRITE | PROT_EXEC;  // without PROT_GROWSDOWN and PROT_GROWSUP
  track::protect_mappings(number(address), rounded_up(bytes, kPageBytes), protection & kAccess);
  return result;
}

int advise_memory(void* address, size_t bytes, int advice) {
  constexpr int kDontNeedLocked = 24;  // MADV_DONTNEED_LOCKED, since Linux 5.18
  if (advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_REMOVE || advice == kDontNeedLocked) {
    note_pages_changed(address, bytes);
  }
  constexpr int kGuardInstall = 102;  // MADV_GUARD_INSTALL, since Linux 6.13
  if (advice == kGuardInstall) leak::note_guard_region();
  return call_madvise(address, bytes, advice);
}

void* move_program_break(const stack::Registers& caller, intptr_t bytes) {
  if (bytes == 0 || !tracking()) return call_sbrk(bytes);
  DetachedMappings released;
  if (bytes < 0) {
    const auto less = static_cast<size_t>(-bytes);
    released = detach(number(call_sbrk(0)) - less, less);
  }
  void* result = call_sbrk(bytes);
  if (result == reinterpret_cast<void*>(-1)) {
    restore(released);
    note_failure();
    return result;
  }
  forget(released);
  if (bytes > 0) insert_break(caller, number(result), number(result) + static_cast<size_t>(bytes));
  return result;
}

int set_program_break(const stack::Registers& caller, void* address) {
  if (!tracking()) return call_brk(address);
  const uintptr_t before = number(call_sbrk(0));
  const uintptr_t after = number(address);
  DetachedMappings released;
  if (after < before) released = detach(after, before - after);
  const int result = call_brk(address);
  if (result != 0 || number(call_sbrk(0)) != after) {  // the libc calls a break below the first one a success
    restore(released);
    note_failure();
    return result;
  }
  forget(released);
  if (after > before) insert_break(caller, before, after);
  return result;
}

void* attach_segment(const stack::Registers& caller, int id, const void* address, int flags) {
  if (!tracking()) return call_shmat(id, address, flags);
  const size_t bytes = segment_bytes(id);
  DetachedMappings replaced;
  if ((flags & SHM_REMAP) != 0) replaced = detach(number(address), bytes);
  void* result = call_shmat(id, address, flags);
  if (result == reinterpret_cast<void*>(-1)) {
    restore(replaced);
    note_failure();
    return result;
  }
  forget(replaced);
  insert_segment(caller, result, bytes, flags);
  return result;
}

int detach_segment(const void* address) {
  if (!tracking()) return call_shmdt(address);
  DetachedMappings released = detach_segment_at(address);
  const int result = call_shmdt(address);
  if (result == 0) {
    forget(released);
  } else {
    restore(released);
  }
  return result;
}

}  // namespace weir::runtime

// The mapping calls: one forward each. Those that acquire memory read their own frame for the caller's registers, so none may
// be inlined or call another.
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "runtime/mappings.h"

#define WEIR_HOOK extern "C" __attribute__((visibility("default"), noinline))

namespace runtime = weir::runtime;

WEIR_HOOK void* mmap(void* address, size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {
  return runtime::map_memory(WEIR_CALLER_REGISTERS(), {address, bytes, protection, flags, fd, offset});
}

WEIR_HOOK void* mmap64(void* address, size_t bytes, int protection, int flags, int fd, off64_t offset) noexcept {
  return runtime::map_memory(WEIR_CALLER_REGISTERS(), {address, bytes, protection, flags, fd, offset});
}

WEIR_HOOK int munmap(void* address, size_t bytes) noexcept { return runtime::unmap_memory(address, bytes); }

WEIR_HOOK void* mremap(void* address, size_t bytes, size_t new_bytes, int flags, ...) noexcept {
  va_list rest;
  va_start(rest, flags);
  void* new_address = (flags & MREMAP_FIXED) != 0 ? va_arg(rest, void*) : nullptr;
  va_end(rest);
  return runtime::remap_memory(WEIR_CALLER_REGISTERS(), {address, bytes, new_bytes, flags, new_address});
}

WEIR_HOOK int mprotect(void* address, size_t bytes, int protection) noexcept {
  return runtime::protect_memory(address, bytes, protection);
}

WEIR_HOOK int madvise(void* address, size_t bytes, int advice) noexcept {
  return runtime::advise_memory(address, bytes, advice);
}

WEIR_HOOK void* sbrk(intptr_t bytes) noexcept { return runtime::move_program_break(WEIR_CALLER_REGISTERS(), bytes); }

WEIR_HOOK int brk(void* address) noexcept { return runtime::set_program_break(WEIR_CALLER_REGISTERS(), address); }

WEIR_HOOK void* shmat(int id, const void* address, int flags) noexcept {
  return runtime::attach_segment(WEIR_CALLER_REGISTERS(), id, address, flags);
}

WEIR_HOOK int shmdt(const void* address) noexcept { return runtime::detach_segment(address); }

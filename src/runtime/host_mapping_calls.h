// The mapping functions as the program would have reached them without Weir: the next definition in the loader's order, so
// that another preload or a patched libc still sees every call. Before those are known (constructors that run ahead of Weir's)
// the system call itself, with the libc's errno. Nothing here allocates or takes a lock, but for the first sbrk.
#pragma once

#include <errno.h>

#include "core/system_call.h"
#include "runtime/host_symbols.h"

namespace weir::runtime {

#define WEIR_KNOWN_HOST_SYMBOL(name) reinterpret_cast<decltype(&::name)>(known_host_symbol(HostSymbol::k##name))

inline long with_errno(long result) {
  if (!core::failed(result)) return result;
  errno = static_cast<int>(-result);
  return -1;
}
inline void* as_pointer(long result) { return reinterpret_cast<void*>(with_errno(result)); }
inline int as_status(long result) { return static_cast<int>(with_errno(result)); }

inline void* call_mmap(void* address, size_t bytes, int protection, int flags, int fd, off_t offset) {
  if (auto* next = WEIR_KNOWN_HOST_SYMBOL(mmap)) return next(address, bytes, protection, flags, fd, offset);
  return as_pointer(
      core::system_call(SYS_mmap, core::as_argument(address), static_cast<long>(bytes), protection, flags, fd, offset));
}

inline int call_munmap(void* address, size_t bytes) {
  if (auto* next = WEIR_KNOWN_HOST_SYMBOL(munmap)) return next(address, bytes);
  return as_status(core::system_call(SYS_munmap, core::as_argument(address), static_cast<long>(bytes)));
}

inline void* call_mremap(void* address, size_t bytes, size_t new_bytes, int flags, void* new_address) {
  if (auto* next = WEIR_KNOWN_HOST_SYMBOL(mremap)) return next(address, bytes, new_bytes, flags, new_address);
  return as_pointer(core::system_call(SYS_mremap, core::as_argument(address), static_cast<long>(bytes),
                                      static_cast<long>(new_bytes), flags, core::as_argument(new_address)));
}

inline int call_mprotect(void* address, size_t bytes, int protection) {
  if (auto* next = WEIR_KNOWN_HOST_SYMBOL(mprotect)) return next(address, bytes, protection);
  return as_status(core::system_call(SYS_mprotect, core::as_argument(address), static_cast<long>(bytes), protection));
}

inline int call_madvise(void* address, size_t bytes, int advice) {
  if (auto* next = WEIR_KNOWN_HOST_SYMBOL(madvise)) return next(address, bytes, advice);
  return as_status(core::system_call(SYS_madvise, core::as_argument(address), static_cast<long>(bytes), advice));
}

inline void* call_shmat(int id, const void* address, int flags) {
  if (auto* next = WEIR_KNOWN_HOST_SYMBOL(shmat)) return next(id, address, flags);
  return as_pointer(core::system_call(SYS_shmat, id, core::as_argument(address), flags));
}

inline int call_shmdt(const void* address) {
  if (auto* next = WEIR_KNOWN_HOST_SYMBOL(shmdt)) return next(address);
  return as_status(core::system_call(SYS_shmdt, core::as_argument(address)));
}

// The libc remembers the break for its own malloc, so these two always go through it.
inline void* call_sbrk(intptr_t bytes) { return host_sbrk()(bytes); }
inline int call_brk(void* address) { return host_brk()(address); }

#undef WEIR_KNOWN_HOST_SYMBOL

}  // namespace weir::runtime

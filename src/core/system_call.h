// Raw system calls: Weir exports mmap and friends itself, and must neither meet its own hooks nor touch the host's errno.
// Every call returns the kernel's result: a negative errno value on failure. x86-64 Linux only.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>

namespace weir::core {

inline long system_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

inline bool failed(long result) { return result < 0 && result >= -4095; }
inline long as_argument(const void* pointer) { return static_cast<long>(reinterpret_cast<uintptr_t>(pointer)); }

// Private anonymous zeroed memory, or nullptr. bytes is rounded up to pages by the kernel.
inline void* map_anonymous(size_t bytes, int extra_flags = MAP_NORESERVE) {
  const long result = system_call(SYS_mmap, 0, static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);
  return failed(result) ? nullptr : reinterpret_cast<void*>(result);
}
inline void unmap(void* address, size_t bytes) {
  system_call(SYS_munmap, as_argument(address), static_cast<long>(bytes));
}

// A descriptor, or a negative errno. Always close-on-exec.
inline int open_file(const char* path, int flags, int mode = 0) {
  return static_cast<int>(system_call(SYS_openat, AT_FDCWD, as_argument(path), flags | O_CLOEXEC, mode));
}
inline void close_file(int fd) { system_call(SYS_close, fd); }
inline long read_file(int fd, void* buffer, size_t bytes) {
  return system_call(SYS_read, fd, as_argument(buffer), static_cast<long>(bytes));
}
inline long write_file(int fd, const void* buffer, size_t bytes) {
  return system_call(SYS_write, fd, as_argument(buffer), static_cast<long>(bytes));
}

inline int current_pid() { return static_cast<int>(system_call(SYS_getpid)); }
inline int current_tid() { return static_cast<int>(system_call(SYS_gettid)); }

}  // namespace weir::core

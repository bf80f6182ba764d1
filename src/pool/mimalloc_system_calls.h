/* Included ahead of mimalloc's sources: its memory comes through Weir's counted raw system calls, so that pool memory is never
 * mistaken for the host program's mappings and Weir's exported mmap is not entered. Its errno is one of its own, because an
 * allocation that succeeds must leave the program's as it was. */
#ifndef WEIR_POOL_MIMALLOC_SYSTEM_CALLS_H
#define WEIR_POOL_MIMALLOC_SYSTEM_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif
void* weir_pool_mmap(void* address, size_t bytes, int protection, int flags, int fd, off_t offset);
int weir_pool_munmap(void* address, size_t bytes);
int weir_pool_madvise(void* address, size_t bytes, int advice);
int weir_pool_mprotect(void* address, size_t bytes, int protection);
int weir_pool_access(const char* path, int mode);
int weir_pool_open(const char* path, int flags);
ssize_t weir_pool_read(int fd, void* buffer, size_t bytes);
int weir_pool_close(int fd);
long weir_pool_system_call(long number, long a, long b, long c, long d, long e, long f);
int weir_pool_clock_gettime(clockid_t clock, struct timespec* time); /* see stop_clock() in core/clock.h */
extern __thread int weir_pool_errno;
int weir_pool_atexit(void (*function)(void)); /* nothing: the pool serves until the very end */
#ifdef __cplusplus
}
#endif

#ifdef WEIR_BUILDING_MIMALLOC
#define mmap weir_pool_mmap
#define munmap weir_pool_munmap
#define madvise weir_pool_madvise
#define mprotect weir_pool_mprotect
#define access(path, mode) weir_pool_access(path, mode)
#define open(path, flags, ...) weir_pool_open(path, flags)
#define read(fd, buffer, bytes) weir_pool_read(fd, buffer, bytes)
#define close(fd) weir_pool_close(fd)
#define WEIR_POOL_SIX(number, a, b, c, d, e, f, ...) \
  weir_pool_system_call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define syscall(...) WEIR_POOL_SIX(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define clock_gettime(clock, time) weir_pool_clock_gettime(clock, time)
#undef errno
#define errno weir_pool_errno
#define atexit weir_pool_atexit
#endif

#endif

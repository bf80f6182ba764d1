/* Included ahead of mimalloc's sources: its memory comes through Weir's counted raw system calls, so that pool memory is never
 * mistaken for the host program's mappings and Weir's exported mmap is not entered. */
#ifndef WEIR_POOL_MIMALLOC_SYSTEM_CALLS_H
#define WEIR_POOL_MIMALLOC_SYSTEM_CALLS_H

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
void* weir_pool_mmap(void* address, size_t bytes, int protection, int flags, int fd, off_t offset);
int weir_pool_munmap(void* address, size_t bytes);
int weir_pool_madvise(void* address, size_t bytes, int advice);
int weir_pool_mprotect(void* address, size_t bytes, int protection);
#ifdef __cplusplus
}
#endif

#define mmap weir_pool_mmap
#define munmap weir_pool_munmap
#define madvise weir_pool_madvise
#define mprotect weir_pool_mprotect

#endif

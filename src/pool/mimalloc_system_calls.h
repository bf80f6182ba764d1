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
char* weir_pool_getenv(const char* name);     /* nothing: MIMALLOC_* is for the program's own mimalloc, if it has one */
int weir_pool_atexit(void (*function)(void)); /* nothing: the pool serves until the very end */
#ifdef __cplusplus
}
#endif

#ifdef WEIR_BUILDING_MIMALLOC
#define mmap weir_pool_mmap
#define munmap weir_pool_munmap
#define madvise weir_pool_madvise
#define mprotect weir_pool_mprotect
#define getenv weir_pool_getenv
#define atexit weir_pool_atexit
#endif

#endif

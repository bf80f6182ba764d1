/* Weir's optional interface for C and C++. A program that includes this header needs nothing else: it links without libweir.so
 * and runs without it, where weir_present() is 0 and the other calls do nothing.
 *
 *     cc program.c            # no library to link
 *     LD_PRELOAD=libweir.so ./a.out
 */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What libweir.so exports. Weak: null where it is not loaded. Call the functions below instead. */
extern int weir_reserve_bytes(size_t capacity_bytes) __attribute__((weak));

/* 1 where the program runs under Weir. Any thread, any time. */
static inline int weir_present(void) { return weir_reserve_bytes != NULL; }

/* Makes the host pool reserve at least `capacity_bytes` of address space in total, what it holds already included, so that later
 * allocations up to that total ask the kernel for no more. Physical memory is taken only as it is used. Any thread.
 * Returns 0; -1 where the kernel gives no more, where the pool is off, and without Weir. */
static inline int weir_reserve(size_t capacity_bytes) {
  return weir_present() ? weir_reserve_bytes(capacity_bytes) : -1;
}

#ifdef __cplusplus
}
#endif

#endif

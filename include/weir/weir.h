/* Weir's optional interface for C and C++. A program that includes this header needs nothing else: it links without libweir.so
 * and runs without it, where weir_present() is 0 and the other calls do nothing.
 *
 *     cc program.c            # no library to link
 *     LD_PRELOAD=libweir.so ./a.out
 *
 * Every function may be called by any thread; those that speak of CUDA's memory may call the driver, and so not from a callback in
 * which CUDA's functions may not be called. None throws.
 */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A pool by its number: a device's is CUDA's number of the device, from 0. */
#define WEIR_HOST_POOL (-1)
#define WEIR_PINNED_POOL (-2)
#define WEIR_ALL_DEVICES (-3)

/* The figures of one pool, by the same names for all. Bytes and counts; ratios of nothing are 0.
 *   requested <= allocated <= active <= capacity <= reserved. In the pools of CUDA's memory a block is all in use or all idle, and nothing
 *   is reserved beyond what was taken from the driver: active is allocated, and capacity is reserved.
 * Fields are added at the end alone: set struct_bytes to sizeof(struct weir_pool_stats) before the call. */
struct weir_pool_stats {
  size_t struct_bytes;        /* out: how many of the struct's bytes were filled */
  uint64_t requested_bytes;   /* live: what the program asked for */
  uint64_t allocated_bytes;   /* live: the whole blocks that it was given */
  uint64_t live_count;        /* blocks that it holds */
  uint64_t active_bytes;      /* host: in pages with a live block */
  uint64_t inactive_bytes;    /* host: free inside active pages */
  uint64_t cached_bytes;      /* idle, may be handed out at once */
  uint64_t quarantined_bytes; /* idle, but work that was queued before the free may still use them */
  uint64_t capacity_bytes;    /* active, cached and quarantined */
  uint64_t reserved_bytes;    /* taken from the kernel (address space) or the driver */
  uint64_t peak_bytes;        /* the most that was live: requested for the host, allocated for the others */
  uint64_t peak_reserved_bytes;
  uint64_t alloc_count; /* of the program's calls, whoever served them */
  uint64_t free_count;
  uint64_t hit_count;    /* served from what the pool had */
  uint64_t miss_count;   /* for which the pool took memory */
  uint64_t memory_bytes; /* one device: what it has; 0: not known */
  uint64_t used_bytes;   /* of them, by all processes and what the pool keeps, as the driver said last */
  double
      fragmentation; /* host: part of active bytes that the program did not ask for; others: of idle bytes outside the largest piece */
  double utilization; /* part of reserved bytes that is allocated */
  double hit_rate;    /* hits of hits and misses */
};

/* For weir_pinned_alloc. */
#define WEIR_ZEROED 1U

/* What becomes of a block that is still allocated. */
#define WEIR_LEAK_LIVE 0      /* not classified */
#define WEIR_LEAK_REACHABLE 1 /* a pointer to it is at hand */
#define WEIR_LEAK_POSSIBLE 2  /* only pointers into its middle, or not all that may hold one could be read */
#define WEIR_LEAK_INDIRECT 3  /* only blocks that are lost themselves hold a pointer to it */
#define WEIR_LEAK_DEFINITE 4  /* no pointer is left */

/* What is still allocated by one stack in one kind of memory, of one class. Valid during the call that it is passed to. Fields are added at
 * the end alone: struct_bytes says how many there are. */
struct weir_leak {
  size_t struct_bytes;
  int leak_class;          /* WEIR_LEAK_... */
  const char* memory;      /* "host", "mmap", "device", "pinned" and so on, as in the report */
  uint64_t bytes;          /* as the program asked for */
  uint64_t count;          /* blocks */
  uint64_t sample_address; /* of one of them; of CUDA's memory its key: an address, or a handle */
  uint32_t stack;          /* the same number for the same stack, as long as the process lives; 0: not known */
  size_t frame_count;
  const uintptr_t* frames; /* return addresses, innermost first; Python frames have none and are left out */
};
/* Anything but 0 ends the visit. */
typedef int (*weir_leak_callback)(const struct weir_leak* leak, void* context);

/* What libweir.so exports. Weak: null where it is not loaded. Call the functions below instead. */
extern int weir_reserve_bytes(size_t capacity_bytes) __attribute__((weak));
extern uint64_t weir_trim_pools(uint64_t keep_bytes) __attribute__((weak));
extern uint64_t weir_compact_pools(void) __attribute__((weak));
extern int weir_read_pool(int pool, struct weir_pool_stats* stats) __attribute__((weak));
extern int weir_change_option(const char* name, const char* value) __attribute__((weak));
extern int weir_lies_in_pinned(const void* pointer) __attribute__((weak));
extern void* weir_allocate_pinned(size_t bytes, unsigned flags) __attribute__((weak));
extern int weir_release_pinned(void* buffer) __attribute__((weak));
extern int weir_set_recording(int is_on) __attribute__((weak));
extern int weir_visit_leaks(weir_leak_callback callback, void* context) __attribute__((weak));
extern int weir_take_snapshot(const char* path) __attribute__((weak));

/* 1 where the program runs under Weir. Any thread, any time. */
static inline int weir_present(void) { return weir_reserve_bytes != NULL; }

/* Makes the host pool reserve at least `capacity_bytes` of address space in total, what it holds already included, so that later
 * allocations up to that total ask the kernel for no more. Physical memory is taken only as it is used. Any thread.
 * Returns 0; -1 where the kernel gives no more, where the pool is off, and without Weir. */
static inline int weir_reserve(size_t capacity_bytes) {
  return weir_present() ? weir_reserve_bytes(capacity_bytes) : -1;
}

/* Gives idle memory back: the host pool's to the kernel, and CUDA's to the driver until at most `keep_bytes` of each device's pool and of
 * the pinned pool are left. May wait for the devices. Returns the bytes that the driver got; 0 without Weir. */
static inline uint64_t weir_trim(uint64_t keep_bytes) {
  return weir_trim_pools != NULL ? weir_trim_pools(keep_bytes) : 0;
}

/* Gives back what lies idle between live blocks, which move for no one: the host's whole pages, and of CUDA's pools the physical memory of
 * segments (WEIR_CUDA_POOL=vmm) or, where blocks are whole, every idle one. Returns the bytes that the driver got; 0 without Weir. */
static inline uint64_t weir_compact(void) { return weir_compact_pools != NULL ? weir_compact_pools() : 0; }

/* Fills *stats, whose struct_bytes is set, with the figures of a pool as they are now. Returns 0; -1 for a pool that there is not (all of
 * CUDA's are there, with zeros, before the program uses CUDA), for a NULL or too small struct, and without Weir. */
static inline int weir_stats(int pool, struct weir_pool_stats* stats) {
  return weir_read_pool != NULL ? weir_read_pool(pool, stats) : -1;
}

/* Changes an option while the program runs, by its variable's name and with the values that it takes: "WEIR_CUDA_POOL" alone. From the next
 * call on; live blocks stay what they are. Returns 0; -1 for an option that cannot change, a value that is not accepted, a mode that cannot
 * be had here, and without Weir. */
static inline int weir_set(const char* name, const char* value) {
  return weir_change_option != NULL ? weir_change_option(name, value) : -1;
}

/* 1 where `pointer` lies in page-locked memory that CUDA gave or registered, or that weir_pinned_alloc gave; 0 for other memory, and
 * without Weir. */
static inline int weir_is_pinned(const void* pointer) {
  return weir_lies_in_pinned != NULL ? weir_lies_in_pinned(pointer) : 0;
}

/* A page-locked buffer of `bytes`, which the caller gives back with weir_pinned_free: CUDA's pinned memory where the thread has a current
 * context, else pages that mlock holds. At least 64-byte aligned. flags: WEIR_ZEROED, or 0 for undefined contents.
 * NULL with errno set where memory, or what may be locked of it (RLIMIT_MEMLOCK), is out, for 0 bytes, and without Weir. */
static inline void* weir_pinned_alloc(size_t bytes, unsigned flags) {
  return weir_allocate_pinned != NULL ? weir_allocate_pinned(bytes, flags) : NULL;
}

/* Gives such a buffer back; NULL is none. In a forked child only those that mlock held. Returns 0; -1 for any other pointer, and without
 * Weir. */
static inline int weir_pinned_free(void* buffer) {
  return weir_release_pinned != NULL ? weir_release_pinned(buffer) : -1;
}

/* From here on what is allocated counts as a leak where it is one: as at the start, but under WEIR_START=off. Blocks that were allocated
 * while recording was off never do, though they are tracked. Exact for the calling thread's allocations; for another thread's as far as it
 * can tell whether it made them before or after. Takes a few microseconds. Returns 0; -1 in a signal handler that interrupted Weir, and
 * without Weir. */
static inline int weir_record_start(void) { return weir_set_recording != NULL ? weir_set_recording(1) : -1; }

/* From here on what is allocated is no leak, until weir_record_start. The same otherwise. */
static inline int weir_record_stop(void) { return weir_set_recording != NULL ? weir_set_recording(0) : -1; }

/* Looks for leaks now, and calls callback(leak, context) for what is still allocated of each stack, kind of memory and class, most bytes
 * first, reachable blocks included. Weir allocates nothing of the program's heap for it, and holds no lock during the calls: callback may
 * do what it likes. Suppressions are not applied: they need symbols. Returns the number of calls; -1 where working memory is out, in a
 * signal handler that interrupted Weir, for a NULL callback, and without Weir. */
static inline int weir_check_leaks(weir_leak_callback callback, void* context) {
  return weir_visit_leaks != NULL ? weir_visit_leaks(callback, context) : -1;
}

/* Writes a snapshot: a whole report of the process as it is now, with its blocks classified, as `weir snapshot PID` has it written. path:
 * where it goes, in which %p and the like stand for what they do in WEIR_REPORT; a taken name becomes name.1.json. NULL: the report's place,
 * with .snapshot-1, .snapshot-2 and so on before its .json. Other threads are stopped for the scan alone. Not in a signal handler of the
 * program's. Returns 0; -1 where it cannot be written (a line on stderr says why), where the process has begun to end or has confined itself,
 * in a signal handler that interrupted Weir, and without Weir. */
static inline int weir_snapshot(const char* path) { return weir_take_snapshot != NULL ? weir_take_snapshot(path) : -1; }

#ifdef __cplusplus
}
#endif

#endif

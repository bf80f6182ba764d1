// Metadata memory: raw pages from the kernel, handed out in pieces, never returned while the process lives. Type-stable: a
// piece given back by release() is reused for pieces of the same size class only, so a racing reader of a stale piece sees
// old metadata and never an unmapped page.
#pragma once

#include <cstddef>

namespace weir::core {

// Zeroed memory of at least `bytes`, aligned to 16 (to 64 where bytes >= 64). nullptr when the kernel gives no more: callers
// lose tracking of one event and say so in the report, never more. Thread-safe; may be called in a signal handler that did
// not interrupt Weir. Cost: a short lock and a pointer bump.
void* arena_allocate(size_t bytes);

// Gives a piece back for arena_allocate of the same `bytes`. It is cleared when handed out again.
void arena_release(void* piece, size_t bytes);

// For pieces that only the calling thread reads: zeroes one; the kernel has the pages of a large one until they are used again.
void arena_clear(void* piece, size_t bytes);

// arena_clear and arena_release.
void arena_discard(void* piece, size_t bytes);

// Bytes mapped from the kernel for metadata so far.
size_t arena_mapped_bytes();

// The lock may have been held by a thread that fork did not copy.
void arena_reset_after_fork();

template <class T>
T* arena_array(size_t count) {
  return static_cast<T*>(arena_allocate(count * sizeof(T)));
}

}  // namespace weir::core

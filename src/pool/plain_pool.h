// The pool's part of the plain path (runtime/plain_path.cpp): small blocks from and to the calling thread's own pages, inline.
// Whatever else an event may meet is host_pool.h's.
#pragma once

#include <atomic>
#include <cstring>

#include "core/guard.h"
#include "pool/page_identity.h"

namespace weir::pool {

inline constexpr size_t kLargestPlainBytes = MI_SMALL_SIZE_MAX;
inline constexpr size_t kSmallestPlainBytes = 16;  // below, mimalloc's blocks are 8-aligned

// `bytes` rounded up to what blocks are a multiple of: a request of it is served from the same page. 0 for 0.
[[gnu::always_inline]] inline size_t whole_granules(size_t bytes) {
  return (bytes + kSmallestPlainBytes - 1) & ~(kSmallestPlainBytes - 1);
}

// The calling thread's page for blocks of that many bytes, whole granules up to kLargestPlainBytes; it may be without a free
// block, and for 0 it always is: the pool has no blocks that small.
[[gnu::always_inline]] inline mi_page_t* plain_page(size_t granules) {
  mi_heap_t* heap = mi_get_default_heap();
  static_assert(kLargestPlainBytes % kSmallestPlainBytes == 0 && sizeof(void*) == MI_INTPTR_SIZE);
  return heap->pages_free_direct[granules / MI_INTPTR_SIZE];
}

// Makes what the thread gave back to the page its free blocks, where it has no other: what mimalloc's slow way would do first, by
// _mi_page_free_collect(), without a call. That one also collects what other threads gave back: where there are any it is to be asked.
// In this order, with the compiler held to it: a signal handler that leaves the middle of it by longjmp loses the blocks; were they in
// both lists, or not known to be written to, they would be handed out twice, or as zeros.
[[gnu::always_inline]] inline void reuse_given_back(const core::Inside&, mi_page_t* page) {
  mi_block_t* given_back = page->local_free;
  if (given_back == nullptr) return;
  page->is_zero = false;
  page->retire_expire = 0;
  page->local_free = nullptr;
  asm volatile("" ::: "memory");
  page->free = given_back;
}

// Takes the page's first free block, which must be there. The next one is fetched meanwhile: whoever takes it reads its link, and
// writes to it; in a large heap it was freed long ago.
[[gnu::always_inline]] inline void* take_plain_block(const core::Inside&, mi_page_t* page) {
  mi_block_t* block = page->free;
  page->used++;
  mi_block_t* next = mi_block_next(page, block);
  page->free = next;
  __builtin_prefetch(next, /*rw=*/1);
  return block;
}

// Makes a block that was just taken read as zeros, for `bytes` from its start. was_zero: the page's is_zero when it was taken, by
// which all but the free list's link is zero already.
[[gnu::always_inline]] inline void* zero_plain_block(void* block, bool was_zero, size_t bytes) {
  if (!was_zero) return memset(block, 0, bytes);
  *static_cast<void**>(block) = nullptr;
  return block;
}

// Whether the page is the calling thread's and not full, so that give_plain_block may be called.
[[gnu::always_inline]] inline bool is_plain_page(const mi_page_t* page) {
  return mi_page_heap(page) == mi_get_default_heap() && page->flags.full_aligned == 0;
}

// One block less is in use. True where the page is empty and mimalloc is to decide what becomes of it. Not where it has decided
// already that the only page of its size waits for a while: a program that frees one block and takes another meets that often.
[[gnu::always_inline]] inline bool empties(mi_page_t* page) {
  if (--page->used != 0) return false;
  return page->retire_expire == 0 || page->next != nullptr || page->prev != nullptr;
}

// Gives a block back; the result is that of empties().
[[gnu::always_inline]] inline bool give_plain_block(const core::Inside&, mi_page_t* page, void* base) {
  auto* block = static_cast<mi_block_t*>(base);
  mi_block_set_next(page, block, page->local_free);
  page->local_free = block;
  return empties(page);
}

// Gives back the block that was taken last, to be taken next again: it is warm.
[[gnu::always_inline]] inline bool return_plain_block(const core::Inside&, mi_page_t* page, void* base) {
  auto* block = static_cast<mi_block_t*>(base);
  page->is_zero = false;  // what lies in the free list is not zeroed memory any more
  mi_block_set_next(page, block, page->free);
  page->free = block;
  return empties(page);
}

// A word of the pool's page object that mimalloc leaves alone, but for zeroing it when it gives the page up. Written by the
// thread that owns the page.
inline void* page_note(const mi_page_t* page) { return reinterpret_cast<void*>(page->padding[0]); }
inline void set_page_note(mi_page_t* page, void* note) { page->padding[0] = reinterpret_cast<uintptr_t>(note); }

}  // namespace weir::pool

#include "core/arena.h"

#include <cstdint>
#include <cstring>

#include "core/confinement.h"
#include "core/own_memory.h"
#include "core/spin_lock.h"
#include "core/system_call.h"

namespace weir::core {
namespace {

// A chunk is virtual: untouched pages cost nothing but address space, and a process under a tight RLIMIT_AS falls back to
// smaller chunks.
constexpr size_t kChunkBytes = size_t{1} << 20;
constexpr size_t kSmallestChunkBytes = size_t{64} << 10;
constexpr size_t kLargePiece = size_t{256} << 10;  // from here on a piece is a mapping of its own
// A process with much metadata has it in huge pages: what is looked up there is all over it, and a huge page's 512 faults are
// one. A small process would pay for what it never fills.
constexpr size_t kHugeFromBytes = size_t{16} << 20;
constexpr size_t kHugePageBytes = size_t{2} << 20;
constexpr size_t kHugeChunkBytes = 2 * kHugePageBytes;
constexpr int kSizeClasses = 64;

struct FreePiece {
  FreePiece* next;
};

SpinLock lock;
char* chunk_next;
char* chunk_end;
size_t mapped_bytes;
FreePiece* free_pieces[kSizeClasses];

size_t rounded(size_t bytes) {
  if (bytes < 64) return (bytes + 15) & ~size_t{15};
  if (bytes < 1024) return (bytes + 63) & ~size_t{63};
  const int shift = 63 - __builtin_clzll(bytes) - 2;  // four classes per doubling
  const size_t step = size_t{1} << shift;
  return (bytes + step - 1) & ~(step - 1);
}

// Classes: 16..48 in steps of 16, 64..960 in steps of 64 (one list each), then four per doubling.
int size_class(size_t size) {
  if (size < 64) return static_cast<int>(size / 16);
  if (size < 1024) return 3 + static_cast<int>(size / 64);
  const int log = 63 - __builtin_clzll(size);
  const int quarter = static_cast<int>((size >> (log - 2)) & 3);
  const int index = 20 + (log - 10) * 4 + quarter;
  return index < kSizeClasses ? index : kSizeClasses - 1;
}

void* map_counted(size_t bytes) {
  void* piece = map_own(bytes);
  if (piece != nullptr) mapped_bytes += bytes;
  return piece;
}

void use_chunk(void* chunk, size_t bytes) {
  // fork may copy the memory between any two of these: the chunk then looks used up, never larger than it is.
  chunk_end = nullptr;
  asm volatile("" ::: "memory");
  chunk_next = static_cast<char*>(chunk);
  asm volatile("" ::: "memory");
  chunk_end = chunk_next + bytes;
}

bool refill_with_huge_pages() {
  if (mapped_bytes < kHugeFromBytes || system_calls_restricted()) return false;
  char* mapped = static_cast<char*>(map_own(kHugeChunkBytes + kHugePageBytes));
  if (mapped == nullptr) return false;
  const size_t before = -reinterpret_cast<uintptr_t>(mapped) & (kHugePageBytes - 1);
  if (before != 0) unmap_own(mapped, before);
  if (before != kHugePageBytes) unmap_own(mapped + before + kHugeChunkBytes, kHugePageBytes - before);
  system_call(SYS_madvise, as_argument(mapped + before), kHugeChunkBytes, MADV_HUGEPAGE);
  mapped_bytes += kHugeChunkBytes;
  use_chunk(mapped + before, kHugeChunkBytes);
  return true;
}

bool refill_chunk(size_t at_least) {
  if (refill_with_huge_pages()) return true;
  for (size_t bytes = kChunkBytes; bytes >= kSmallestChunkBytes && bytes >= at_least; bytes /= 2) {
    if (void* chunk = map_counted(bytes)) {
      use_chunk(chunk, bytes);
      return true;
    }
  }
  return false;
}

bool is_mapped_alone(size_t size) { return size >= (mapped_bytes < kHugeFromBytes ? kLargePiece : kHugePageBytes); }

void* bump(size_t size) {
  const uintptr_t alignment = size >= 64 ? 64 : 16;
  auto aligned = [&] {
    return reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(chunk_next) + alignment - 1) & ~(alignment - 1));
  };
  char* piece = aligned();
  if (chunk_next == nullptr || piece + size > chunk_end) {
    if (!refill_chunk(size)) return nullptr;
    piece = aligned();
  }
  chunk_next = piece + size;
  return piece;
}

}  // namespace

void* arena_allocate(size_t bytes) {
  const size_t size = rounded(bytes);
  const int index = size_class(size);
  FreePiece* reused = nullptr;
  {
    LockScope scope(lock);
    // The last class holds every size beyond the others: nothing is reused from it.
    if (index < kSizeClasses - 1 && free_pieces[index] != nullptr) {
      reused = free_pieces[index];
      free_pieces[index] = reused->next;
    } else {
      return is_mapped_alone(size) ? map_counted(size) : bump(size);
    }
  }
  memset(static_cast<void*>(reused), 0, size);
  return reused;
}

void arena_release(void* piece, size_t bytes) {
  if (piece == nullptr) return;
  const size_t size = rounded(bytes);
  const int index = size_class(size);
  if (index == kSizeClasses - 1) return;
  LockScope scope(lock);
  auto* free_piece = static_cast<FreePiece*>(piece);
  free_piece->next = free_pieces[index];
  free_pieces[index] = free_piece;
}

void arena_clear(void* piece, size_t bytes) {
  constexpr uintptr_t kPageBytes = 4096;
  constexpr size_t kWorthACall = size_t{8} << 10;
  const auto start = reinterpret_cast<uintptr_t>(piece);
  const uintptr_t first_page = (start + kPageBytes - 1) & ~(kPageBytes - 1);
  const uintptr_t end_page = (start + bytes) & ~(kPageBytes - 1);
  // Refused for locked memory.
  const bool given = bytes >= kWorthACall && !system_calls_restricted() &&
                     !failed(system_call(SYS_madvise, static_cast<long>(first_page),
                                         static_cast<long>(end_page - first_page), MADV_DONTNEED));
  if (!given) {
    memset(piece, 0, bytes);
    return;
  }
  memset(piece, 0, first_page - start);
  memset(reinterpret_cast<void*>(end_page), 0, start + bytes - end_page);
}

void arena_discard(void* piece, size_t bytes) {
  if (piece == nullptr) return;
  arena_clear(piece, bytes);
  arena_release(piece, bytes);
}

size_t arena_mapped_bytes() { return mapped_bytes; }

void arena_reset_after_fork() { lock.reset_after_fork(); }

}  // namespace weir::core

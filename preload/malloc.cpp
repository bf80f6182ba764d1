// The malloc family: argument checks and errno, then one forward each. The hooks read their own frame for the caller's
// registers, so none may be inlined or call another.
#include <errno.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdint>

#include "runtime/heap_information.h"
#include "runtime/plain_path.h"
#include "runtime/program_allocator.h"
#include "runtime/runtime.h"

#define WEIR_HOOK extern "C" __attribute__((visibility("default"), noinline))

namespace {

using weir::runtime::HookFrame;
using weir::runtime::Request;
using weir::track::Family;

constexpr size_t kPageBytes = 4096;

void* or_out_of_memory(void* block) {
  if (block == nullptr) [[unlikely]] {
    weir::runtime::note_failed_allocation();
    errno = ENOMEM;
  }
  return block;
}

[[gnu::noinline]] void* too_large() { return or_out_of_memory(nullptr); }

// Out of line and with the frame as arguments, so that the hooks save no registers for it.
[[gnu::noinline]] void* malloc_generally(size_t bytes, HookFrame frame) {
  return or_out_of_memory(weir::runtime::allocate(frame.caller(), {bytes}));
}

constexpr weir::runtime::AllocatingHook kMalloc{Family::malloc, false, &malloc_generally};

[[gnu::noinline]] void* calloc_generally(size_t bytes, HookFrame frame) {
  Request request{bytes};
  request.zeroed = true;
  return or_out_of_memory(weir::runtime::allocate(frame.caller(), request));
}

constexpr weir::runtime::AllocatingHook kCalloc{Family::malloc, true, &calloc_generally};

[[gnu::noinline]] void free_generally(void* block, HookFrame frame) {
  if (block != nullptr) weir::runtime::release(frame.caller(), block);
}

[[gnu::noinline]] void* realloc_generally(void* block, size_t bytes, HookFrame frame) {
  return or_out_of_memory(weir::runtime::reallocate(frame.caller(), block, bytes));
}

// realloc to no bytes.
[[gnu::noinline]] void* release_for_nothing(void* block, HookFrame frame) {
  weir::runtime::release(frame.caller(), block);
  return nullptr;
}

bool is_power_of_two(size_t value) { return value != 0 && (value & (value - 1)) == 0; }

// glibc's memalign takes any alignment and rounds it up to a power of two.
size_t rounded_to_power_of_two(size_t alignment) {
  size_t power = 16;
  while (power < alignment && power << 1 != 0) power <<= 1;
  return power;
}

}  // namespace

WEIR_HOOK void* malloc(size_t bytes) { return weir::runtime::allocate_plainly(bytes, kMalloc); }

WEIR_HOOK void* calloc(size_t count, size_t bytes) {
  size_t total = 0;
  if (__builtin_mul_overflow(count, bytes, &total)) return too_large();
  // The loader's own blocks are marked, which is the general path's business.
  if (weir::stack::in_loader(weir::runtime::ip_of_hook())) [[unlikely]]
    return calloc_generally(total, weir::runtime::hook_frame());
  return weir::runtime::allocate_plainly(total, kCalloc);
}

WEIR_HOOK void free(void* block) { weir::runtime::release_plainly<Family::malloc>(block, &free_generally); }

WEIR_HOOK void cfree(void* block) {
  if (block != nullptr) weir::runtime::release(WEIR_CALLER_REGISTERS(), block);
}

WEIR_HOOK void* realloc(void* block, size_t bytes) {
  if (block == nullptr) return weir::runtime::allocate_plainly(bytes, kMalloc);
  if (bytes == 0) return release_for_nothing(block, weir::runtime::hook_frame());
  return weir::runtime::reallocate_plainly(block, bytes, &realloc_generally);
}

WEIR_HOOK void* reallocarray(void* block, size_t count, size_t bytes) {
  size_t total = 0;
  if (__builtin_mul_overflow(count, bytes, &total)) return too_large();
  if (const auto realloc_of_program = weir::runtime::program_realloc(); realloc_of_program != nullptr) [[unlikely]]
    return realloc_of_program(block, total);  // guard: program-realloc
  if (block == nullptr) return weir::runtime::allocate_plainly(total, kMalloc);
  if (total == 0) return release_for_nothing(block, weir::runtime::hook_frame());
  return weir::runtime::reallocate_plainly(block, total, &realloc_generally);
}

WEIR_HOOK int posix_memalign(void** result, size_t alignment, size_t bytes) {
  if (!is_power_of_two(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  void* block = weir::runtime::allocate(WEIR_CALLER_REGISTERS(), {bytes, alignment});
  if (or_out_of_memory(block) == nullptr) return ENOMEM;  // glibc's sets errno too
  *result = block;
  return 0;
}

WEIR_HOOK void* aligned_alloc(size_t alignment, size_t bytes) {
  return or_out_of_memory(
      weir::runtime::allocate(WEIR_CALLER_REGISTERS(), {bytes, rounded_to_power_of_two(alignment)}));
}

WEIR_HOOK void* memalign(size_t alignment, size_t bytes) {
  return or_out_of_memory(
      weir::runtime::allocate(WEIR_CALLER_REGISTERS(), {bytes, rounded_to_power_of_two(alignment)}));
}

WEIR_HOOK void* valloc(size_t bytes) {
  return or_out_of_memory(weir::runtime::allocate(WEIR_CALLER_REGISTERS(), {bytes, kPageBytes}));
}

WEIR_HOOK void* pvalloc(size_t bytes) {
  const size_t whole_pages = (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
  if (whole_pages < bytes) return or_out_of_memory(nullptr);
  return or_out_of_memory(weir::runtime::allocate(WEIR_CALLER_REGISTERS(), {whole_pages, kPageBytes}));
}

WEIR_HOOK size_t malloc_usable_size(void* block) {
  return block == nullptr ? 0 : weir::runtime::usable_bytes(block, weir::runtime::hook_frame());
}

WEIR_HOOK int malloc_trim(size_t) { return weir::runtime::trim_heap() ? 1 : 0; }

// No parameter of glibc's allocator applies to the pool: accepted, without effect.
WEIR_HOOK int mallopt(int, int) { return 1; }

WEIR_HOOK struct mallinfo2 mallinfo2() { return weir::runtime::heap_information(); }

WEIR_HOOK struct mallinfo mallinfo() {
  const struct mallinfo2 wide = weir::runtime::heap_information();
  struct mallinfo narrow {};
  narrow.arena = static_cast<int>(wide.arena);
  narrow.ordblks = static_cast<int>(wide.ordblks);
  narrow.hblks = static_cast<int>(wide.hblks);
  narrow.hblkhd = static_cast<int>(wide.hblkhd);
  narrow.uordblks = static_cast<int>(wide.uordblks);
  narrow.fordblks = static_cast<int>(wide.fordblks);
  narrow.keepcost = static_cast<int>(wide.keepcost);
  return narrow;
}

WEIR_HOOK int malloc_info(int options, FILE* stream) { return weir::runtime::write_heap_information(options, stream); }

WEIR_HOOK void malloc_stats() { weir::runtime::print_heap_statistics(); }

// For who has a definition of its own ahead of Weir's, and looks for the next (symbol_look_up.cpp).
extern "C" {
__attribute__((alias("free"), copy(free), visibility("hidden"))) decltype(free) weir_export_free;
__attribute__((alias("realloc"), copy(realloc), visibility("hidden"))) decltype(realloc) weir_export_realloc;
__attribute__((alias("reallocarray"), copy(reallocarray),
               visibility("hidden"))) decltype(reallocarray) weir_export_reallocarray;
__attribute__((alias("malloc_usable_size"), copy(malloc_usable_size),
               visibility("hidden"))) decltype(malloc_usable_size) weir_export_malloc_usable_size;
}

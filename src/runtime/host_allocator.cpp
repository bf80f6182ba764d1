#include "runtime/host_allocator.h"

#include <atomic>
#include <cstdint>
#include <cstring>

#include "core/elf_image.h"
#include "core/large_table.h"
#include "runtime/host_symbols.h"
#include "runtime/loader_functions.h"

extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* block, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void* block);
}

namespace weir::runtime {
namespace {

struct HostAllocator {
  void* (*malloc)(size_t);
  void* (*calloc)(size_t, size_t);
  void* (*realloc)(void*, size_t);
  void* (*memalign)(size_t, size_t);
  void (*free)(void*);
  size_t (*usable_size)(void*);
};

constinit HostAllocator libc_allocator{__libc_malloc,   __libc_calloc, __libc_realloc,
                                       __libc_memalign, __libc_free,   nullptr};
constinit HostAllocator next_allocator{};
std::atomic<const HostAllocator*> allocator{&libc_allocator};
std::atomic<bool> resolved;

// Memory for calls that come while the next allocator is looked up (the loader's own): never given back.
constexpr size_t kBootstrapBytes = size_t{16} << 10;
WEIR_LARGE_TABLE alignas(16) constinit char bootstrap[kBootstrapBytes];
std::atomic<size_t> bootstrap_used;

bool in_bootstrap(const void* block) {
  return block >= static_cast<const void*>(bootstrap) && block < static_cast<const void*>(bootstrap + kBootstrapBytes);
}

// Each piece has its size before it, for realloc. Zeroed, as it is used once.
void* bootstrap_allocate(size_t bytes) {
  if (bytes > kBootstrapBytes / 2) return nullptr;
  const size_t piece = ((bytes + 15) & ~size_t{15}) + 16;
  const size_t at = bootstrap_used.fetch_add(piece, std::memory_order_relaxed);
  if (at + piece > kBootstrapBytes) return nullptr;
  memcpy(bootstrap + at, &bytes, sizeof bytes);
  return bootstrap + at + 16;
}

size_t bootstrap_size(const void* block) {
  size_t bytes = 0;
  memcpy(&bytes, static_cast<const char*>(block) - 16, sizeof bytes);
  return bytes;
}

void* bootstrap_or(void* block, size_t bytes) { return block != nullptr ? block : __libc_malloc(bytes); }

const HostAllocator& current() { return *allocator.load(std::memory_order_acquire); }
bool looking_up() { return !resolved.load(std::memory_order_relaxed); }

template <class Function>
bool look_up(Function& function, const char* name) {
  function = reinterpret_cast<Function>(find_host_symbol(name));
  return function != nullptr;
}

}  // namespace

void* host_malloc(size_t bytes) {
  if (looking_up()) [[unlikely]]
    return bootstrap_or(bootstrap_allocate(bytes), bytes);
  return current().malloc(bytes);
}

void* host_calloc(size_t bytes) {
  if (looking_up()) [[unlikely]] {
    void* block = bootstrap_allocate(bytes);
    return block != nullptr ? block : __libc_calloc(1, bytes);
  }
  return current().calloc(1, bytes);
}

void* host_realloc(void* block, size_t bytes) {
  if (!in_bootstrap(block)) [[likely]]
    return current().realloc(block, bytes);
  void* moved = host_malloc(bytes);
  if (moved == nullptr) return nullptr;
  const size_t old_bytes = bootstrap_size(block);
  return memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
}

void* host_memalign(size_t alignment, size_t bytes) { return current().memalign(alignment, bytes); }

void host_free(void* block) {
  if (!in_bootstrap(block)) [[likely]]
    current().free(block);
}

size_t host_usable_size(void* block) {
  if (in_bootstrap(block)) return bootstrap_size(block);
  const HostAllocator& next = current();
  return next.usable_size == nullptr ? 0 : next.usable_size(block);
}

bool host_is_libc() { return core::module_at(reinterpret_cast<const void*>(current().free)) == libc_module(); }

bool host_bootstrap_holds(const void* block) { return in_bootstrap(block); }

void resolve_host_allocator() {
  HostAllocator& next = next_allocator;
  const bool complete = look_up(next.malloc, "malloc") && look_up(next.calloc, "calloc") &&
                        look_up(next.realloc, "realloc") && look_up(next.free, "free");
  if (!look_up(next.memalign, "memalign")) next.memalign = __libc_memalign;
  look_up(next.usable_size, "malloc_usable_size");
  libc_allocator.usable_size = next.usable_size;
  if (complete) allocator.store(&next, std::memory_order_release);
  resolved.store(true, std::memory_order_release);
}

}  // namespace weir::runtime

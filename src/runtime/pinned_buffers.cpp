#include "runtime/pinned_buffers.h"

#include <errno.h>
#include <sys/mman.h>

#include <cstring>

#include "core/arena.h"
#include "core/spin_lock.h"
#include "core/system_call.h"
#include "core/treap.h"
#include "cuda/allocation_table.h"
#include "cuda/call.h"
#include "cuda/driver.h"
#include "cuda/hooks.h"
#include "cuda/pool/host_pins.h"
#include "cuda/tracking.h"
#include "runtime/mappings.h"

namespace weir::runtime {
namespace {

constexpr size_t kPageBytes = 4096;

// ---- Buffers that mlock holds ----

struct LockedBuffer {
  LockedBuffer* left;
  LockedBuffer* right;
  uintptr_t start;
  size_t bytes;
  uint32_t priority;
  uint32_t generation;  // of the process that locked it
  uint64_t key() const { return start; }
};

core::SpinLock lock;
LockedBuffer* buffers;  // under the lock
core::PrioritySource priorities;
uint32_t generation;  // of this process: forks since the first one

bool keep(void* start, size_t bytes) {
  auto* buffer = core::arena_array<LockedBuffer>(1);
  if (buffer == nullptr) return false;
  const core::LockScope scope(lock);
  *buffer = {nullptr, nullptr, reinterpret_cast<uintptr_t>(start), bytes, priorities.next(), generation};
  LockedBuffer* below;
  LockedBuffer* above;
  core::split_tree(buffers, buffer->key(), &below, &above);
  buffers = core::join_trees(core::join_trees(below, buffer), above);
  return true;
}

// Its bytes; 0 where no buffer begins there.
size_t forget(void* start) {
  LockedBuffer* buffer;
  {
    const core::LockScope scope(lock);
    buffer = core::take_from_tree(&buffers, reinterpret_cast<uintptr_t>(start));
  }
  if (buffer == nullptr) return 0;
  const size_t bytes = buffer->bytes;
  core::arena_release(buffer, sizeof *buffer);
  return bytes;
}

bool lies_in_locked(uintptr_t address) {
  const core::LockScope scope(lock);
  const LockedBuffer* buffer = core::node_at_or_below(buffers, address);
  return buffer != nullptr && address - buffer->start < buffer->bytes && buffer->generation == generation;
}

// 0, or an errno value.
int lock_pages(void* start, size_t bytes) {
  if (core::system_calls_restricted()) return EPERM;
  const long result = core::system_call(SYS_mlock, core::as_argument(start), static_cast<long>(bytes));
  return core::failed(result) ? static_cast<int>(-result) : 0;
}

// Fresh pages are zero.
void* map_locked(const stack::Registers& caller, size_t bytes) {
  if (bytes > SIZE_MAX - kPageBytes) {
    errno = ENOMEM;
    return nullptr;
  }
  const size_t whole = (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
  void* start = map_memory(caller, {nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0});
  if (start == MAP_FAILED) return nullptr;
  int error = lock_pages(start, whole);
  if (error == 0 && !keep(start, whole)) error = ENOMEM;
  if (error == 0) return start;
  unmap_memory(start, whole);
  errno = error;
  return nullptr;
}

// ---- Buffers of the driver's ----

bool has_driver() { return cuda::driver_was_bound() && !cuda::holds_lock() && cuda::bind_driver(); }

bool has_context() {
  const auto get_current = cuda::driver_queries().get_current_context;
  cuda::Context context = nullptr;
  return get_current != nullptr && get_current(&context) == cuda::Result::success && context != nullptr;
}

// As the program's own call, so that it is tracked and the pool serves it.
template <class... Arguments>
cuda::Result call_driver(cuda::Entry entry, Arguments... arguments) {
  void* function = cuda::hook_of(entry);
  if (function == nullptr) return cuda::Result::not_initialized;
  return reinterpret_cast<cuda::Result (*)(Arguments...)>(function)(arguments...);
}

void* allocate_from_driver(size_t bytes, bool zeroed) {
  void* buffer = nullptr;
  constexpr unsigned kNoFlags = 0;
  if (call_driver<void**, size_t, unsigned>(cuda::Entry::cuMemHostAlloc, &buffer, bytes, kNoFlags) !=
      cuda::Result::success) {
    errno = ENOMEM;
    return nullptr;
  }
  if (zeroed) memset(buffer, 0, bytes);
  return buffer;
}

bool lies_in_cuda(uintptr_t address) {
  cuda::Allocation found;
  if (cuda::find_allocation(cuda::Space::registration, address, &found)) return true;
  if (cuda::find_allocation(cuda::Space::address, address, &found)) return found.kind == cuda::Kind::pinned;
  if (cuda::pool::lies_in_host_pin(address)) return false;  // not by the program
  const cuda::InDriver in_driver(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
  return cuda::kind_of_pool_memory(address) == cuda::Kind::pinned;  // untracked: WEIR_TRACK may leave it out
}

}  // namespace

void* allocate_pinned(const stack::Registers& caller, size_t bytes, bool zeroed) {
  if (bytes == 0) {
    errno = EINVAL;
    return nullptr;
  }
  return has_driver() && has_context() ? allocate_from_driver(bytes, zeroed) : map_locked(caller, bytes);
}

bool release_pinned(void* buffer) {
  if (buffer == nullptr) return true;
  const size_t bytes = forget(buffer);
  if (bytes != 0) return unmap_memory(buffer, bytes) == 0;
  return has_driver() && call_driver(cuda::Entry::cuMemFreeHost, buffer) == cuda::Result::success;
}

bool lies_in_pinned(const void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  if (lies_in_locked(address)) return true;
  return has_driver() && lies_in_cuda(address);
}

void pinned_buffers_reset_after_fork() {
  lock.reset_after_fork();
  ++generation;
}

}  // namespace weir::runtime

#include "cuda/device_memory.h"

#include "core/clock.h"
#include "core/confinement.h"
#include "core/guard.h"
#include "core/large_table.h"
#include "core/spin_lock.h"
#include "cuda/allocation_table.h"
#include "cuda/capture.h"
#include "cuda/driver.h"
#include "cuda/pool/pool_warnings.h"
#include "cuda/pool/upkeep.h"

namespace weir::cuda {
namespace {

constexpr uint64_t kShare = 100;  // at most one part in so many of the time is spent on asking

struct Asked {
  DeviceMemory memory;
  uint64_t next_cycles;  // when it may be asked again
};

core::SpinLock lock;  // guards `asked`
WEIR_LARGE_TABLE Asked asked[kMostDevices];

enum class Due { no, again, first };

// Whether it is time; if so, no other thread asks meanwhile.
Due due(int device) {
  const core::Guard guard;
  const core::LockScope scope(lock);
  Asked& of_device = asked[device];
  if (of_device.memory.is_known && core::read_cycles() < of_device.next_cycles) return Due::no;
  const Due due = of_device.memory.is_known ? Due::again : Due::first;
  of_device.memory.is_known = true;
  of_device.next_cycles = UINT64_MAX;
  return due;
}

void may_be_asked_again(int device, uint64_t cycles_taken) {
  const core::Guard guard;
  const core::LockScope scope(lock);
  asked[device].next_cycles = core::read_cycles() + cycles_taken * kShare;
}

void keep(int device, size_t free_bytes, size_t total_bytes) {
  const core::Guard guard;
  const uint64_t known_bytes = device_figures(device).live_bytes;
  const uint64_t pool_idle_bytes = pool::releasable_bytes(device);
  pool::warn_above_thresholds(device, total_bytes - free_bytes, total_bytes);
  const core::LockScope scope(lock);
  DeviceMemory& memory = asked[device].memory;
  memory.used_bytes = total_bytes - free_bytes;
  __atomic_store_n(&memory.total_bytes, total_bytes, __ATOMIC_RELAXED);
  memory.known_bytes = known_bytes;
  memory.pool_idle_bytes = pool_idle_bytes;
  memory.tick = core::current_tick();
}

void ask_in_current_context(int device) {
  size_t free_bytes = 0, total_bytes = 0;
  if (ask_device_memory(&free_bytes, &total_bytes)) keep(device, free_bytes, total_bytes);
}

void ask_name(int device) {
  const DriverQueries& driver = driver_queries();
  char name[sizeof DeviceMemory{}.name] = "";
  if (driver.get_device_name == nullptr) return;
  if (driver.get_device_name(name, sizeof name, device) != Result::success) return;
  const core::Guard guard;
  const core::LockScope scope(lock);
  __builtin_memcpy(asked[device].memory.name, name, sizeof name);
}

}  // namespace

bool ask_device_memory(size_t* free_bytes, size_t* total_bytes) {
  const auto ask = driver_queries().get_memory_info;
  if (ask == nullptr) return false;
  const CaptureRelaxed relaxed;
  return ask(free_bytes, total_bytes) == Result::success;
}

void note_device_memory(int device) {
  if (!is_listed(device) || core::system_calls_restricted()) return;
  const Due is_due = due(device);
  if (is_due == Due::no) return;
  const uint64_t before = core::read_cycles();
  ask_in_current_context(device);
  if (is_due == Due::first) ask_name(device);
  may_be_asked_again(device, core::read_cycles() - before);
}

void learn_device_total(int device) {
  size_t free_bytes = 0, total_bytes = 0;
  if (!is_listed(device) || device_total_bytes(device) != 0 || !ask_device_memory(&free_bytes, &total_bytes)) return;
  const core::Guard guard;
  const core::LockScope scope(lock);
  __atomic_store_n(&asked[device].memory.total_bytes, total_bytes, __ATOMIC_RELAXED);
}

uint64_t device_total_bytes(int device) {
  return is_listed(device) ? __atomic_load_n(&asked[device].memory.total_bytes, __ATOMIC_RELAXED) : 0;
}

DeviceMemory device_memory(int device) {
  if (!is_listed(device)) return {};
  const core::LockScope scope(lock);
  return asked[device].memory;
}

void device_memory_reset_after_fork() {
  lock.reset_after_fork();
  for (Asked& of_device : asked) of_device = {};
}

}  // namespace weir::cuda

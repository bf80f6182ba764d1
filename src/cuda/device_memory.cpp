#include "cuda/device_memory.h"

#include <atomic>

#include "core/clock.h"
#include "core/guard.h"
#include "core/spin_lock.h"
#include "core/system_call.h"
#include "cuda/allocation_table.h"
#include "cuda/driver.h"

// Of the libc, behind atexit: with no module named, the function outlives every dlclose.
extern "C" int __cxa_atexit(void (*function)(void*), void* argument, void* module) noexcept;

namespace weir::cuda {
namespace {

constexpr uint64_t kAskAgainTicks = uint64_t{250'000'000} >> core::kTickShift;  // 100 ms at 2.5 GHz

struct Asked {
  DeviceMemory memory;
  uint64_t context;  // in which it can be asked again; 0: none
};

core::SpinLock lock;  // guards `asked`
Asked asked[kMostDevices];
std::atomic<int> pid_registered_for_end{0};

bool is_listed(int device) { return device >= 0 && device < kMostDevices; }

enum class Due { no, again, first };

// Whether it is time, and if so marks that it was done.
Due due(int device, uint64_t context, uint64_t tick) {
  const core::Guard guard;
  const core::LockScope scope(lock);
  Asked& of_device = asked[device];
  of_device.context = context;
  if (of_device.memory.is_known && tick - of_device.memory.tick < kAskAgainTicks) return Due::no;
  const Due due = of_device.memory.is_known ? Due::again : Due::first;
  of_device.memory.tick = tick;
  of_device.memory.is_known = true;
  return due;
}

void keep(int device, size_t free_bytes, size_t total_bytes) {
  const core::Guard guard;
  const uint64_t known_bytes = device_figures(device).live_bytes;
  const core::LockScope scope(lock);
  DeviceMemory& memory = asked[device].memory;
  memory.used_bytes = total_bytes - free_bytes;
  memory.total_bytes = total_bytes;
  memory.known_bytes = known_bytes;
  memory.tick = core::current_tick();
}

// A question of Weir's must not count among what a capture in progress forbids.
class CaptureRelaxed {
 public:
  explicit CaptureRelaxed(const DriverQueries& driver) : exchange_(driver.exchange_capture_mode) {
    if (exchange_ != nullptr && exchange_(&mode_) != Result::success) exchange_ = nullptr;
  }
  ~CaptureRelaxed() {
    if (exchange_ != nullptr) exchange_(&mode_);
  }
  CaptureRelaxed(const CaptureRelaxed&) = delete;
  CaptureRelaxed& operator=(const CaptureRelaxed&) = delete;

 private:
  Result (*exchange_)(int*);
  int mode_ = kCaptureModeRelaxed;
};

void ask_in_current_context(int device) {
  const DriverQueries& driver = driver_queries();
  if (driver.get_memory_info == nullptr) return;
  const CaptureRelaxed relaxed(driver);
  size_t free_bytes = 0, total_bytes = 0;
  if (driver.get_memory_info(&free_bytes, &total_bytes) == Result::success) keep(device, free_bytes, total_bytes);
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

void ask_once_more(int device, uint64_t context) {
  const DriverQueries& driver = driver_queries();
  if (driver.push_context == nullptr || driver.pop_context == nullptr) return;
  if (driver.push_context(reinterpret_cast<Context>(context)) != Result::success) return;
  ask_in_current_context(device);
  Context popped = nullptr;
  driver.pop_context(&popped);
}

void at_end(void*) {
  if (pid_registered_for_end.load(std::memory_order_relaxed) != core::current_pid() || !is_driver_still_bound()) return;
  for (int device = 0; device < kMostDevices; ++device) {
    uint64_t context = 0;
    {
      const core::Guard guard;
      const core::LockScope scope(lock);
      context = asked[device].context;
    }
    if (context != 0) ask_once_more(device, context);
  }
}

// Registered after the driver has registered its own end, so that it runs before it.
void register_for_end() {
  int none = 0;
  if (!pid_registered_for_end.compare_exchange_strong(none, core::current_pid(), std::memory_order_relaxed)) return;
  const core::Guard guard;  // what the libc allocates for it is not the program's
  __cxa_atexit(&at_end, nullptr, nullptr);
}

}  // namespace

void note_device_memory(uint64_t context, int device, uint64_t tick) {
  if (!is_listed(device) || context == 0) return;
  const Due is_due = due(device, context, tick);
  if (is_due == Due::no) return;
  register_for_end();
  ask_in_current_context(device);
  if (is_due == Due::first) ask_name(device);
}

void replace_context_of_memory(uint64_t context, int device, uint64_t other) {
  if (!is_listed(device)) return;
  const core::Guard guard;
  const core::LockScope scope(lock);
  if (asked[device].context == context) asked[device].context = other;
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

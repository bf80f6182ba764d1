#include "cuda/tracking.h"

#include "cuda/call_names.h"
#include "cuda/device_memory.h"
#include "cuda/driver.h"
#include "cuda/heap_errors.h"
#include "cuda/out_of_memory.h"

namespace weir::cuda {
namespace {

// At the process's end the driver may be gone, and all its memory with it.
bool is_gone(Result result) { return result == Result::success || result == Result::deinitialized; }

// What is said of the pointer itself: every call may also return an earlier asynchronous error.
bool refuses_pointer(Result result) {
  return result == Result::invalid_value || result == Result::invalid_handle ||
         result == Result::host_memory_not_registered;
}

void note_time(const core::Guard& guard, uint64_t tick) {
  if (guard.entered() && settings().time_note != nullptr) settings().time_note(guard.token(), tick);
}

}  // namespace

Place current_place() {
  const DriverQueries& driver = driver_queries();
  Context context = nullptr;
  Place place;
  if (driver.get_current_context == nullptr || driver.get_current_context(&context) != Result::success) return place;
  if (context == nullptr) return place;
  place.context = reinterpret_cast<uint64_t>(context);
  Device device = kNoDevice;
  if (driver.get_device != nullptr && driver.get_device(&device) == Result::success) place.device = device;
  return place;
}

int device_of_pointer(Address address, int otherwise) {
  const DriverQueries& driver = driver_queries();
  int device = otherwise;
  if (driver.get_pointer_attribute == nullptr) return otherwise;
  return driver.get_pointer_attribute(&device, kPointerDeviceOrdinal, address) == Result::success ? device : otherwise;
}

Kind kind_of_pool_memory(Address address) {
  const auto ask = driver_queries().get_pointer_attribute;
  int is_managed = 0;
  int type = kMemoryDevice;
  if (ask == nullptr) return Kind::async;
  if (ask(&is_managed, kPointerIsManaged, address) == Result::success && (is_managed & 1) != 0) return Kind::managed;
  return ask(&type, kPointerMemoryType, address) == Result::success && type == kMemoryHost ? Kind::pinned : Kind::async;
}

void note_allocated_from_pool(const Call& call, Allocation& allocation) {
  if (!is_tracked(allocation.kind)) return;
  allocation.origin = origin_of(call);
  if (allocation.taken_bytes < allocation.bytes) allocation.taken_bytes = allocation.bytes;
  const core::Guard guard;
  allocation.call = call_name_of(allocation.origin.stack, call.entry);
  insert_allocation(allocation);
  forget_freed(allocation.space, allocation.key);
  note_time(guard, allocation.origin.tick);
}

void note_allocated(const Call& call, Allocation& allocation, const Place& place) {
  note_allocated_from_pool(call, allocation);
  note_device_memory(place.device);
}

void note_allocated_here(const Call& call, Allocation& allocation) {
  const Place place = current_place();
  allocation.context = place.context;
  if (allocation.device == kNoDevice) allocation.device = static_cast<int16_t>(place.device);
  note_allocated(call, allocation, place);
}

void note_refused(const Call& call, Kind kind, uint64_t bytes, Result result) {
  if (!tracks_anything()) return;
  const Place place = current_place();
  const Origin origin = origin_of(call);
  const core::Guard guard;
  count_failed(kind, place.device);
  if (result != Result::out_of_memory) return;
  record_out_of_memory({origin, call_name_of(origin.stack, call.entry), kind, place.device, bytes});
}

Release::Release(const Call& call, Space space, uint64_t key, uint32_t kinds) : call_(call), space_(space), key_(key) {
  const core::Guard guard;
  is_known_ = key != 0 && detach_allocation(space, key, kinds, &freed_);
}

// The driver took back what this function was not known to free.
void Release::free_other_kind() {
  if (!detach_allocation(space_, key_, kAnyKind, &freed_)) return;
  if (freed_.serial <= serial_) {
    count_freed(freed_);
  } else {
    restore_allocation(freed_);
  }
}

Result Release::finish(Result result) {
  finish_in_pool(result);
  if (is_known_ && result == Result::success && traits_of(freed_.kind).on_device) {
    note_device_memory(current_place().device);
  }
  return result;
}

Result Release::finish_in_pool(Result result) {
  if (key_ == 0 || !tracks_anything()) return result;
  const Origin origin = origin_of(call_);
  {
    const core::Guard guard;
    if (is_known_ && !is_gone(result)) {
      restore_allocation(freed_);
    } else if (is_known_) {
      count_freed(freed_);
      remember_freed(freed_, origin);
      note_time(guard, origin.tick);
    } else if (is_gone(result)) {
      free_other_kind();
    } else if (refuses_pointer(result)) {
      record_bad_free({origin, call_name_of(origin.stack, call_.entry), space_, key_, result});
    }
  }
  return result;
}

}  // namespace weir::cuda

// Handlers of linear, pitched, managed, pinned, registered and stream-ordered memory, and of pools.
//
// A handler runs one call: invoke() is the driver's function with the call's own arguments; what it answers is what the program gets.
#pragma once

#include <type_traits>

#include "cuda/capture.h"
#include "cuda/driver.h"
#include "cuda/pool/device_pool.h"
#include "cuda/pool/host_pins.h"
#include "cuda/pool/out_of_memory_retry.h"
#include "cuda/pool/pinned_pool.h"
#include "cuda/pool/pitched_pool.h"
#include "cuda/tracking.h"

namespace weir::cuda {

// A handle or an address as the tables have it.
template <class T>
uint64_t number_of(T value) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<uint64_t>(value);
  } else {
    return value;
  }
}

// A call for `bytes` of that kind: refused, or given at *out and noted.
template <class Invoke, class T, class Note>
Result allocate(const Call& call, const Invoke& invoke, const T* out, Kind kind, uint64_t bytes, const Note& note) {
  const Result result = invoke();
  if (result != Result::success) {
    note_refused(call, kind, bytes, result);
  } else if (out != nullptr) {
    note(*out);
  }
  return result;
}

// In the current context.
template <class Invoke, class T>
Result allocate_here(const Call& call, const Invoke& invoke, const T* out, Allocation allocation) {
  return allocate(call, invoke, out, allocation.kind, allocation.bytes, [&](T given) {
    allocation.key = number_of(given);
    note_allocated_here(call, allocation);
  });
}

// Of no context.
template <class Invoke, class T>
Result allocate_on(const Call& call, const Invoke& invoke, const T* out, int device, Allocation allocation) {
  return allocate(call, invoke, out, allocation.kind, allocation.bytes, [&](T given) {
    allocation.key = number_of(given);
    allocation.device = static_cast<int16_t>(device);
    note_allocated(call, allocation, current_place());
  });
}

inline Allocation allocation_of(Kind kind, uint64_t bytes, Space space = Space::address) {
  Allocation allocation;
  allocation.kind = kind;
  allocation.bytes = bytes;
  allocation.space = space;
  return allocation;
}

// What the pool has given.
template <class T>
Result note_given(const Call& call, Result result, const pool::Given& given, T* out, Allocation allocation) {
  if (result != Result::success) {
    note_refused(call, allocation.kind, allocation.bytes, result);
    return result;
  }
  *out = (T)given.address;  // NOLINT: a number or a pointer
  allocation.key = given.address;
  allocation.context = given.place.context;
  allocation.device = static_cast<int16_t>(given.place.device);
  if (given.from_driver) {
    note_allocated(call, allocation, given.place);
  } else {
    note_allocated_from_pool(call, allocation);
  }
  return result;
}

// A free that the pool may serve: release() of its own makes it known there.
template <class Invoke, class ReleaseInPool>
Result free_with_pool(Release& release, const Invoke& invoke, const ReleaseInPool& release_in_pool) {
  const pool::Freed freed = release_in_pool();
  return freed.is_passed ? release.finish(invoke()) : release.finish_in_pool(freed.result);
}

// The end of a call that may have waited for the device: what may wait for it, too, is due.
inline Result after_wait(const Call& call, Result result) {
  if (pool::host_pins_are_on && result == Result::success) pool::keep_host_pins_within_limit(call);
  return result;
}

// The bytes that the driver tells of an address; 0 where it does not know.
inline uint64_t bytes_at(Address address) {
  Address start = 0;
  size_t bytes = 0;
  const auto range = driver_queries().get_address_range;
  return range != nullptr && range(&start, &bytes, address) == Result::success ? bytes : 0;
}

// Memory that another process has made known here: perhaps a peer device's.
inline void note_foreign(const Call& call, Address address) {
  Allocation allocation = allocation_of(Kind::ipc, bytes_at(address));
  allocation.key = address;
  allocation.device = static_cast<int16_t>(device_of_pointer(address, kNoDevice));
  note_allocated_here(call, allocation);
}

namespace handler {

struct AllocLinear {
  static constexpr pool::From kTakesMemory = pool::From::current_device;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address* out, size_t bytes) {
    pool::Given given = pool::kPassed;
    const Result result = out == nullptr ? Result::success : pool::allocate_device(call, bytes, &given);
    if (given.is_passed) return allocate_here(call, invoke, out, allocation_of(Kind::device, bytes));
    return note_given(call, result, given, out, allocation_of(Kind::device, bytes));
  }
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address32* out, unsigned bytes) {
    return allocate_here(call, invoke, out, allocation_of(Kind::device, bytes));
  }
};

struct AllocPitched {
  static constexpr pool::From kTakesMemory = pool::From::current_device;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address* out, size_t* pitch, size_t width, size_t height,
                    unsigned element_bytes) {
    const pool::Rows rows{width, height, element_bytes};
    pool::Given given = pool::kPassed;
    const bool is_whole = out != nullptr && pitch != nullptr;
    const Result result = is_whole ? pool::allocate_pitched(call, rows, pitch, &given) : Result::success;
    if (!given.is_passed) return note_given(call, result, given, out, rows_at(result, pitch, width, height));
    const Result served = allocate_by_driver(call, invoke, out, pitch, width, height);
    if (served == Result::success && is_whole) pool::learn_pitch(call, rows, *pitch, *out);
    return served;
  }
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address32* out, unsigned* pitch, unsigned width,
                    unsigned height, unsigned) {
    return allocate_by_driver(call, invoke, out, pitch, width, height);
  }

 private:
  template <class S>
  static Allocation rows_at(Result result, const S* pitch, S width, S height) {
    Allocation allocation = allocation_of(Kind::device, uint64_t{width} * height);
    if (result == Result::success && pitch != nullptr) allocation.taken_bytes = uint64_t{*pitch} * height;
    return allocation;
  }

  template <class Invoke, class A, class S>
  static Result allocate_by_driver(const Call& call, const Invoke& invoke, const A* out, const S* pitch, S width,
                                   S height) {
    return allocate(call, invoke, out, Kind::device, uint64_t{width} * height, [&](A address) {
      Allocation allocation = rows_at(Result::success, pitch, width, height);
      allocation.key = address;
      note_allocated_here(call, allocation);
    });
  }
};

struct AllocManaged {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address* out, size_t bytes, unsigned) {
    return allocate_here(call, invoke, out, allocation_of(Kind::managed, bytes));
  }
};

inline constexpr uint32_t kFreedByMemFree = bit_of(Kind::device) | bit_of(Kind::managed) | bit_of(Kind::async) |
                                            bit_of(Kind::graph) | bit_of(Kind::view) | bit_of(Kind::ipc);

struct FreeDevice {
  template <class Invoke, class A>
  static Result run(const Call& call, const Invoke& invoke, A address) {
    Release release(call, Space::address, address, kFreedByMemFree);  // guard: device-untrack-order
    const Result result = free_with_pool(release, invoke, [&] { return pool::release_device(call, address); });
    return address == 0 ? result : after_wait(call, result);
  }
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address32 address) {
    Release release(call, Space::address, address, kFreedByMemFree);
    return release.finish(invoke());
  }
};

struct AllocPinned {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke, class... Flags>
  static Result run(const Call& call, const Invoke& invoke, void** out, size_t bytes, Flags... flags) {
    pool::Given given = pool::kPassed;
    const Result result = out == nullptr ? Result::success : pool::allocate_pinned(call, bytes, flags..., &given);
    if (given.is_passed) return allocate_here(call, invoke, out, allocation_of(Kind::pinned, bytes));
    return note_given(call, result, given, out, allocation_of(Kind::pinned, bytes));
  }
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, void** out, unsigned bytes) {
    return allocate_here(call, invoke, out, allocation_of(Kind::pinned, bytes));
  }
};

struct FreePinned {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, void* address) {
    Release release(call, Space::address, number_of(address), bit_of(Kind::pinned));
    const auto release_in_pool = [&] { return pool::release_pinned(call, number_of(address)); };
    const Result result = free_with_pool(release, invoke, release_in_pool);
    return address == nullptr ? result : after_wait(call, result);
  }
};

struct RegisterHost {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, void* address, size_t bytes, unsigned) {
    pool::reject_host_pins(call, {number_of(address), bytes});
    return allocate_here(call, invoke, &address, allocation_of(Kind::registered, bytes, Space::registration));
  }
};

struct UnregisterHost {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, void* address) {
    Release release(call, Space::registration, number_of(address), bit_of(Kind::registered));
    if (pool::lies_in_host_pin(number_of(address))) {  // not the program's
      return release.finish(call_driver(call, reinterpret_cast<void*>(pool::kNoAddress)));
    }
    return after_wait(call, release.finish(invoke()));
  }
};

// ---- Stream-ordered memory ----

template <class Invoke>
Result allocate_in_stream(const Call& call, const Invoke& invoke, const Address* out, size_t bytes, Stream stream) {
  const uint64_t graph = graph_captured_by(call, stream);
  return allocate(call, invoke, out, Kind::async, bytes, [&](Address address) {
    if (graph != 0) return note_captured_alloc(call, stream, graph, address, bytes);
    Allocation allocation = allocation_of(kind_of_pool_memory(address), bytes);
    allocation.key = address;
    allocation.stream = call.number_of(stream);
    allocation.has_stream = true;
    const Place place = current_place();
    allocation.context = place.context;
    allocation.device = static_cast<int16_t>(device_of_pointer(address, place.device));
    note_allocated(call, allocation, place);
  });
}

struct AllocAsync {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address* out, size_t bytes, Stream stream) {
    return allocate_in_stream(call, invoke, out, bytes, stream);
  }
};

struct AllocFromPool {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address* out, size_t bytes, Pool, Stream stream) {
    return allocate_in_stream(call, invoke, out, bytes, stream);
  }
};

inline constexpr uint32_t kFreedByMemFreeAsync =
    bit_of(Kind::device) | bit_of(Kind::async) | bit_of(Kind::graph) | bit_of(Kind::ipc);

struct FreeAsync {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address address, Stream stream) {
    if (const uint64_t graph = graph_captured_by(call, stream); graph != 0) {
      const Result result = invoke();
      if (result == Result::success) note_captured_free(call, stream, graph, address);
      return result;
    }
    Release release(call, Space::address, address, kFreedByMemFreeAsync);
    if (pool::is_live_in_segment(address)) return release.finish_in_pool(pool::release_in_segment(call, address));
    pool::GivenUp given_up(pool::Memory::device, address);
    const Result result = given_up.was_freed_before() ? call_driver(call, pool::kNoAddress, stream) : invoke();
    return release.finish(given_up.finish(result));
  }
};

// A pool is its device's and outlives contexts.
struct CreatePool {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Pool* out, const PoolProperties* wish) {
    const bool on_device = wish != nullptr && wish->location.type == kLocationDevice;
    return allocate_on(call, invoke, out, on_device ? wish->location.id : kNoDevice,
                       allocation_of(Kind::pool, 0, Space::pool_handle));
  }
  // One that is imported: the handle does not tell of which device.
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Pool* out, void*, int, Flags64) {
    return allocate_on(call, invoke, out, current_place().device, allocation_of(Kind::pool, 0, Space::pool_handle));
  }
};

struct DestroyPool {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Pool pool) {
    Release release(call, Space::pool_handle, number_of(pool), bit_of(Kind::pool));
    return release.finish(invoke());
  }
};

struct ImportPoolPointer {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address* out, Pool, void*) {
    return allocate(call, invoke, out, Kind::ipc, 0, [&](Address address) { note_foreign(call, address); });
  }
};

// What neither gives nor takes memory: the wrapper counts the call.
struct CountCall {
  template <class Invoke, class... Arguments>
  static Result run(const Call&, const Invoke& invoke, Arguments...) {
    return invoke();
  }
};

// The same of one for which the driver may need memory of its own.
struct CountCallForMemory : CountCall {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;
};

}  // namespace handler
}  // namespace weir::cuda

// Handlers of copies and fills. Cost beside the driver's own: a capture and one look into a table.
#pragma once

#include "core/clock.h"
#include "cuda/handlers_memory.h"
#include "cuda/pool/epochs.h"
#include "cuda/transfers.h"

namespace weir::cuda {

// The ends of a copy by what the function says of them or, for unified addresses, by what is known of them.
struct CopyEnds {
  Direction direction;
  HostMemory host_memory;
};
CopyEnds ends_of_unified(Address to, Address from);
CopyEnds to_device_from(const void* host);
CopyEnds to_host(const void* host);
inline constexpr CopyEnds kOnDevice{Direction::device_to_device, HostMemory::none};

void note_transfer(const Call& call, bool is_synchronous, CopyEnds ends, uint64_t bytes, uint64_t cycles);

// Of calls without a stream, those return before the work is done that have no end in the host's memory. Source: "API synchronization
// behavior" in the public documentation of CUDA's driver.
inline bool waits_for_host(Direction direction) {
  return direction != Direction::device_to_device && direction != Direction::peer && direction != Direction::fill;
}

// The same for each of a batch, with one capture for all.
void note_batch(const Call& call, const Address* to, const Address* from, const size_t* sizes, size_t count);

// Runs a copy; one with a stream among its last arguments is asynchronous.
template <class... Rest, class Invoke>
Result copy(const Call& call, const Invoke& invoke, CopyEnds ends, uint64_t bytes) {
  constexpr bool kHasStream = (std::is_same_v<Rest, Stream> || ...);
  const bool is_synchronous = !kHasStream && waits_for_host(ends.direction);
  const uint64_t before = core::read_cycles();
  const Result result = invoke();
  const uint64_t cycles = is_synchronous ? core::read_cycles() - before : 0;
  if (result == Result::success) note_transfer(call, is_synchronous, ends, bytes, cycles);
  return result;
}

// Of a two- or three-dimensional copy.
template <class Shape>
CopyEnds ends_of_shape(const Shape& shape) {
  const auto is_device = [](int type) { return type == kMemoryDevice || type == kMemoryArray; };
  if (shape.src_type == kMemoryHost && is_device(shape.dst_type)) return to_device_from(shape.src_host);
  if (shape.dst_type == kMemoryHost && is_device(shape.src_type)) return to_host(shape.dst_host);
  if (is_device(shape.src_type) && is_device(shape.dst_type)) return kOnDevice;
  HostMemory memory;
  if (shape.dst_type == kMemoryArray) {
    return is_device_address(shape.src_device, &memory) ? kOnDevice : CopyEnds{Direction::host_to_device, memory};
  }
  if (shape.src_type == kMemoryArray) {
    return is_device_address(shape.dst_device, &memory) ? kOnDevice : CopyEnds{Direction::device_to_host, memory};
  }
  const auto address = [](int type, const void* host, Address device) {
    return type == kMemoryHost ? reinterpret_cast<Address>(host) : device;
  };
  return ends_of_unified(address(shape.dst_type, shape.dst_host, shape.dst_device),
                         address(shape.src_type, shape.src_host, shape.src_device));
}

namespace handler {

struct CopyUnified {
  template <class Invoke, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, Address to, Address from, size_t bytes, Rest...) {
    return copy<Rest...>(call, invoke, ends_of_unified(to, from), bytes);
  }
};

struct CopyPeer {
  template <class Invoke, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, Address, Context, Address, Context, size_t bytes, Rest...) {
    return copy<Rest...>(call, invoke, {Direction::peer, HostMemory::none}, bytes);
  }
};

struct CopyHtoD {
  template <class Invoke, class A, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, A, const void* from, S bytes, Rest...) {
    return copy<Rest...>(call, invoke, to_device_from(from), bytes);
  }
};

// In the legacy default stream and without a stream of its own the call returns when the copy is done. Source: "API synchronization
// behavior" in the public documentation of CUDA's driver.
struct CopyDtoH {
  template <class Invoke, class A, class S>
  static Result run(const Call& call, const Invoke& invoke, void* to, A, S bytes) {
    if (call.of_thread_stream || bytes == 0) return copy<>(call, invoke, to_host(to), bytes);
    const pool::LegacyStreamWait wait(call);
    const Result result = copy<>(call, invoke, to_host(to), bytes);
    wait.finish(result);
    return result;
  }
  template <class Invoke, class A, class S>
  static Result run(const Call& call, const Invoke& invoke, void* to, A, S bytes, Stream) {
    return copy<Stream>(call, invoke, to_host(to), bytes);
  }
};

struct CopyDtoD {
  template <class Invoke, class A, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, A, A, S bytes, Rest...) {
    return copy<Rest...>(call, invoke, kOnDevice, bytes);
  }
};

struct CopyHtoA {
  template <class Invoke, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, Array, S, const void* from, S bytes, Rest...) {
    return copy<Rest...>(call, invoke, to_device_from(from), bytes);
  }
};

struct CopyAtoH {
  template <class Invoke, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, void* to, Array, S, S bytes, Rest...) {
    return copy<Rest...>(call, invoke, to_host(to), bytes);
  }
};

struct CopyDtoA {
  template <class Invoke, class A, class S>
  static Result run(const Call& call, const Invoke& invoke, Array, S, A, S bytes) {
    return copy<>(call, invoke, kOnDevice, bytes);
  }
};

struct CopyAtoD {
  template <class Invoke, class A, class S>
  static Result run(const Call& call, const Invoke& invoke, A, Array, S, S bytes) {
    return copy<>(call, invoke, kOnDevice, bytes);
  }
};

struct CopyAtoA {
  template <class Invoke, class S>
  static Result run(const Call& call, const Invoke& invoke, Array, S, Array, S, S bytes) {
    return copy<>(call, invoke, kOnDevice, bytes);
  }
};

struct Copy2D {
  template <class Invoke, class Shape, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, const Shape* shape, Rest...) {
    if (shape == nullptr) return invoke();
    return copy<Rest...>(call, invoke, ends_of_shape(*shape), uint64_t{shape->width_bytes} * shape->height);
  }
};

struct Copy3D {
  template <class Invoke, class Shape, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, const Shape* shape, Rest...) {
    if (shape == nullptr) return invoke();
    return copy<Rest...>(call, invoke, ends_of_shape(*shape),
                         uint64_t{shape->width_bytes} * shape->height * shape->depth);
  }
};

struct CopyBatch {
  template <class Invoke, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, Address* to, Address* from, size_t* sizes, size_t count,
                    Rest...) {
    const Result result = invoke();
    if (result != Result::success) return result;
    note_batch(call, to, from, sizes, count);
    return result;
  }
};

inline constexpr CopyEnds kFill{Direction::fill, HostMemory::none};

struct Fill {
  template <class Invoke, class A, class Value, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, A, Value, S count, Rest...) {
    return copy<Rest...>(call, invoke, kFill, uint64_t{count} * sizeof(Value));
  }
};

struct Fill2D {
  template <class Invoke, class A, class Value, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, A, S, Value, S width, S height, Rest...) {
    return copy<Rest...>(call, invoke, kFill, uint64_t{width} * height * sizeof(Value));
  }
};

}  // namespace handler
}  // namespace weir::cuda

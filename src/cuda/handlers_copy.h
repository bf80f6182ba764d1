// Handlers of copies and fills. Cost beside the driver's own: a capture and one look into a table.
#pragma once

#include "core/clock.h"
#include "cuda/handlers_memory.h"
#include "cuda/pool/epochs.h"
#include "cuda/pool/host_pins.h"
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

using pool::HostEnds;
using pool::HostRange;
inline constexpr HostEnds kNoHost{};

inline HostRange host_range(const void* address, uint64_t bytes) {
  return {reinterpret_cast<uint64_t>(address), bytes};
}

// Of a copy between that memory of the host's and a device.
inline HostEnds host_end(const void* address, uint64_t bytes) { return {{host_range(address, bytes), {}}, true}; }

// Of a copy of unified addresses: what is registered for it is the end in the host's memory.
inline HostEnds host_ends_of_unified(CopyEnds ends, Address to, Address from, uint64_t bytes) {
  const bool is_to_host = ends.direction == Direction::device_to_host;
  const bool with_device = is_to_host || ends.direction == Direction::host_to_device;
  if (is_to_host) return {{{to, bytes}, {from, bytes}}, with_device};
  return {{{from, bytes}, {to, bytes}}, with_device};
}

// The driver's function around which registered blocks stay so; an asynchronous one, which has a stream, is waited for where there are any.
template <class Invoke, class... MaybeStream>
Result invoke_pinned(const Call& call, const Invoke& invoke, const HostEnds& host, MaybeStream... stream) {
  const pool::PinnedCopy pinned(call, host);
  const Result result = invoke();
  if constexpr (sizeof...(MaybeStream) != 0) {
    if (result == Result::success) return pinned.wait(stream...);
  }
  return result;
}

// Runs a copy; one with a stream is asynchronous.
template <class Invoke, class... MaybeStream>
Result copy(const Call& call, const Invoke& invoke, CopyEnds ends, uint64_t bytes, const HostEnds& host,
            MaybeStream... stream) {
  constexpr bool kHasStream = sizeof...(MaybeStream) != 0;
  static_assert((std::is_same_v<MaybeStream, Stream> && ...) && sizeof...(MaybeStream) <= 1);
  const bool is_synchronous = !kHasStream && waits_for_host(ends.direction);
  const uint64_t before = core::read_cycles();
  const Result result = pool::host_pins_are_on ? invoke_pinned(call, invoke, host, stream...) : invoke();
  const uint64_t cycles = is_synchronous ? core::read_cycles() - before : 0;
  if (result == Result::success) note_transfer(call, is_synchronous, ends, bytes, cycles);
  return result;
}

// The same of one from that memory of the host's. invoke_from: calls the driver's function with the data from elsewhere.
template <class Invoke, class InvokeFrom, class... MaybeStream>
Result copy_from_host(const Call& call, const Invoke& invoke, const InvokeFrom& invoke_from, CopyEnds ends,
                      const HostRange& from, const HostEnds& host, MaybeStream... stream) {
  const pool::SmallCopy small(from);
  if (small.data() == nullptr) return copy(call, invoke, ends, from.bytes, host, stream...);
  return copy(
      call, [&] { return invoke_from(small.data()); }, ends, from.bytes, kNoHost, stream...);
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

// Of one end of such a copy: from its first byte to its last.
struct ShapeEnd {
  int type;
  const void* host;
  uint64_t device;
  uint64_t pitch, rows;  // of a slice
  uint64_t x, y, z;
};
struct ShapeBox {
  uint64_t width_bytes, height, depth;
};
HostRange range_of_shape(const ShapeEnd& end, const ShapeBox& box);

// Such copies are followed, and register nothing.
template <class Shape>
HostEnds host_ends_of_shape(const Shape& shape) {
  ShapeBox box{shape.width_bytes, shape.height, 1};
  ShapeEnd from{shape.src_type, shape.src_host, shape.src_device, shape.src_pitch, 0, shape.src_x, shape.src_y, 0};
  ShapeEnd to{shape.dst_type, shape.dst_host, shape.dst_device, shape.dst_pitch, 0, shape.dst_x, shape.dst_y, 0};
  if constexpr (requires { shape.depth; }) {
    box.depth = shape.depth;
    from.rows = shape.src_height, from.z = shape.src_z;
    to.rows = shape.dst_height, to.z = shape.dst_z;
  }
  return {{range_of_shape(from, box), range_of_shape(to, box)}, false};
}

// Those of a batch may all be queued when the call returns: none may be registered.
void reject_host_pins_of_batch(const Call& call, const Address* to, const Address* from, const size_t* sizes,
                               size_t count);

namespace handler {

struct CopyUnified {
  template <class Invoke, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, Address to, Address from, size_t bytes, Rest... stream) {
    const CopyEnds ends = ends_of_unified(to, from);
    const auto invoke_from = [&](const void* data) { return call_driver(call, to, number_of(data), bytes, stream...); };
    return copy_from_host(call, invoke, invoke_from, ends, HostRange{from, bytes},
                          host_ends_of_unified(ends, to, from, bytes), stream...);
  }
};

struct CopyPeer {
  template <class Invoke, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, Address to, Context, Address from, Context, size_t bytes,
                    Rest... stream) {
    const HostEnds host{{{to, bytes}, {from, bytes}}, false};
    return copy(call, invoke, {Direction::peer, HostMemory::none}, bytes, host, stream...);
  }
};

struct CopyHtoD {
  template <class Invoke, class A, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, A to, const void* from, S bytes, Rest... stream) {
    const auto invoke_from = [&](const void* data) { return call_driver(call, to, data, bytes, stream...); };
    return copy_from_host(call, invoke, invoke_from, to_device_from(from), host_range(from, bytes),
                          host_end(from, bytes), stream...);
  }
};

// In the legacy default stream and without a stream of its own the call returns when the copy is done. Source: "API synchronization
// behavior" in the public documentation of CUDA's driver.
struct CopyDtoH {
  template <class Invoke, class A, class S>
  static Result run(const Call& call, const Invoke& invoke, void* to, A, S bytes) {
    if (call.of_thread_stream || bytes == 0) return copy(call, invoke, to_host(to), bytes, host_end(to, bytes));
    const pool::LegacyStreamWait wait(call);
    const Result result = copy(call, invoke, to_host(to), bytes, host_end(to, bytes));
    wait.finish(result);
    return result;
  }
  template <class Invoke, class A, class S>
  static Result run(const Call& call, const Invoke& invoke, void* to, A, S bytes, Stream stream) {
    return copy(call, invoke, to_host(to), bytes, host_end(to, bytes), stream);
  }
};

struct CopyDtoD {
  template <class Invoke, class A, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, A, A, S bytes, Rest... stream) {
    return copy(call, invoke, kOnDevice, bytes, kNoHost, stream...);
  }
};

struct CopyHtoA {
  template <class Invoke, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, Array to, S offset, const void* from, S bytes,
                    Rest... stream) {
    const auto invoke_from = [&](const void* data) { return call_driver(call, to, offset, data, bytes, stream...); };
    return copy_from_host(call, invoke, invoke_from, to_device_from(from), host_range(from, bytes),
                          host_end(from, bytes), stream...);
  }
};

struct CopyAtoH {
  template <class Invoke, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, void* to, Array, S, S bytes, Rest... stream) {
    return copy(call, invoke, to_host(to), bytes, host_end(to, bytes), stream...);
  }
};

struct CopyDtoA {
  template <class Invoke, class A, class S>
  static Result run(const Call& call, const Invoke& invoke, Array, S, A, S bytes) {
    return copy(call, invoke, kOnDevice, bytes, kNoHost);
  }
};

struct CopyAtoD {
  template <class Invoke, class A, class S>
  static Result run(const Call& call, const Invoke& invoke, A, Array, S, S bytes) {
    return copy(call, invoke, kOnDevice, bytes, kNoHost);
  }
};

struct CopyAtoA {
  template <class Invoke, class S>
  static Result run(const Call& call, const Invoke& invoke, Array, S, Array, S, S bytes) {
    return copy(call, invoke, kOnDevice, bytes, kNoHost);
  }
};

struct Copy2D {
  template <class Invoke, class Shape, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, const Shape* shape, Rest... stream) {
    if (shape == nullptr) return invoke();
    const uint64_t bytes = uint64_t{shape->width_bytes} * shape->height;
    return copy(call, invoke, ends_of_shape(*shape), bytes, host_ends_of_shape(*shape), stream...);
  }
};

struct Copy3D {
  template <class Invoke, class Shape, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, const Shape* shape, Rest... stream) {
    if (shape == nullptr) return invoke();
    const uint64_t bytes = uint64_t{shape->width_bytes} * shape->height * shape->depth;
    return copy(call, invoke, ends_of_shape(*shape), bytes, host_ends_of_shape(*shape), stream...);
  }
};

struct CopyBatch {
  template <class Invoke, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, Address* to, Address* from, size_t* sizes, size_t count,
                    Rest...) {
    reject_host_pins_of_batch(call, to, from, sizes, count);
    const Result result = invoke();
    if (result != Result::success) return result;
    note_batch(call, to, from, sizes, count);
    return result;
  }
};

// Its operations are not looked at: from the first one on they meet pageable memory only.
struct CopyBatch3D : CountCall {
  template <class Invoke, class... Arguments>
  static Result run(const Call& call, const Invoke& invoke, Arguments...) {
    if (pool::host_pins_are_on) pool::stop_host_pins(call, "the program copies boxes by the batch");
    return invoke();
  }
};

inline constexpr CopyEnds kFill{Direction::fill, HostMemory::none};

struct Fill {
  template <class Invoke, class A, class Value, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, A, Value, S count, Rest... stream) {
    return copy(call, invoke, kFill, uint64_t{count} * sizeof(Value), kNoHost, stream...);
  }
};

struct Fill2D {
  template <class Invoke, class A, class Value, class S, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, A, S, Value, S width, S height, Rest... stream) {
    return copy(call, invoke, kFill, uint64_t{width} * height * sizeof(Value), kNoHost, stream...);
  }
};

}  // namespace handler
}  // namespace weir::cuda

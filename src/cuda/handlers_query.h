// Handlers of what the driver is asked of memory and of addresses, and of what makes memory known elsewhere: the answers are those that the
// program would have without the pool.
#pragma once

#include "cuda/handlers_memory.h"
#include "cuda/pool/pointer_facts.h"
#include "cuda/pool/upkeep.h"

namespace weir::cuda {

using pool::PointerFacts;

inline bool is_freed(const PointerFacts& facts) { return facts.is == PointerFacts::Is::freed; }
inline bool is_live(const PointerFacts& facts) { return facts.is == PointerFacts::Is::live; }

// One attribute of a live block's that the pool knows better than the driver.
inline void correct_attribute(const PointerFacts& facts, int attribute, void* value) {
  if (value == nullptr) return;
  if (attribute == kPointerRangeSize) *static_cast<size_t*>(value) = facts.asked_bytes;
  if (attribute == kPointerBufferId && facts.buffer_id != 0) *static_cast<Flags64*>(value) = facts.buffer_id;
  if (facts.segment_context == 0) return;
  if (attribute == kPointerRangeStart) *static_cast<Address*>(value) = facts.start;
  if (attribute == kPointerContext) *static_cast<uint64_t*>(value) = facts.segment_context;
  if (attribute == kPointerDeviceOrdinal) *static_cast<int*>(value) = facts.segment_device;
}

namespace handler {

// S, A: sizes and addresses of 64 bits or, before CUDA 3.2, of 32.

// What is idle the driver could have at once: to the program it is free.
struct MemoryInfo {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, size_t* free_bytes, size_t* total_bytes) {
    const Result result = invoke();
    if (result != Result::success || free_bytes == nullptr || !pool::has_blocks()) return result;
    const pool::ContextState* context = pool::current_context(call);
    if (context == nullptr) return result;
    *free_bytes += pool::releasable_bytes(context->device);
    if (total_bytes != nullptr && *free_bytes > *total_bytes) *free_bytes = *total_bytes;
    return result;
  }
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, unsigned*, unsigned*) {
    return invoke();
  }
};

struct AddressRange {
  template <class Invoke, class A, class S>
  static Result run(const Call& call, const Invoke& invoke, A* start, S* bytes, A address) {
    const PointerFacts facts = pool::facts_of(call, address);
    if (is_freed(facts)) return call_driver(call, start, bytes, static_cast<A>(pool::kNoAddress));
    const Result result = invoke();
    if (result != Result::success || !is_live(facts)) return result;
    if (start != nullptr) *start = static_cast<A>(facts.start);
    if (bytes != nullptr) *bytes = static_cast<S>(facts.asked_bytes);
    return result;
  }
};

struct PointerAttribute {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, void* value, int attribute, Address address) {
    const PointerFacts facts = pool::facts_of(call, address);
    if (is_freed(facts)) return call_driver(call, value, attribute, pool::kNoAddress);
    if (attribute == kPointerTokens) pool::note_exported(call, address);
    const Result result = invoke();
    if (result == Result::success && is_live(facts)) correct_attribute(facts, attribute, value);
    return result;
  }
};

struct PointerAttributes {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, unsigned count, int* attributes, void** values,
                    Address address) {
    const PointerFacts facts = pool::facts_of(call, address);
    if (is_freed(facts)) return call_driver(call, count, attributes, values, pool::kNoAddress);
    const Result result = invoke();
    if (result != Result::success || !is_live(facts)) return result;
    for (unsigned i = 0; i < count; ++i) {
      if (attributes[i] == kPointerTokens) pool::note_exported(call, address);
      correct_attribute(facts, attributes[i], values[i]);
    }
    return result;
  }
};

// What is set of a block (that copies of it are synchronous) may not pass to its next owner.
struct SetPointerAttribute {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, const void* value, int attribute, Address address) {
    if (is_freed(pool::facts_of(call, address))) return call_driver(call, value, attribute, pool::kNoAddress);
    pool::note_exported(call, address);
    return invoke();
  }
};

// The memory may be another driver's for as long as the handle lives.
struct RangeHandle {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, void* handle, Address address, size_t bytes, int type,
                    Flags64 flags) {
    if (is_freed(pool::facts_of(call, address))) {
      return call_driver(call, handle, pool::kNoAddress, bytes, type, flags);
    }
    pool::note_exported(call, address);
    return invoke();
  }
};

// The memory may be opened by another process.
struct IpcHandle {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, cuda::IpcHandle* handle, Address address) {
    if (is_freed(pool::facts_of(call, address))) return call_driver(call, handle, pool::kNoAddress);
    pool::note_exported(call, address);
    return invoke();
  }
};

struct HostDevicePointer {
  template <class Invoke, class A>
  static Result run(const Call& call, const Invoke& invoke, A* out, void* host, unsigned flags) {
    if (is_freed(pool::facts_of(call, number_of(host)))) {
      return call_driver(call, out, reinterpret_cast<void*>(pool::kNoAddress), flags);
    }
    return invoke();
  }
};

struct HostFlags {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, unsigned* flags, void* host) {
    if (is_freed(pool::facts_of(call, number_of(host)))) {
      return call_driver(call, flags, reinterpret_cast<void*>(pool::kNoAddress));
    }
    return invoke();
  }
};

}  // namespace handler
}  // namespace weir::cuda

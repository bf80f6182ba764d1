// Handlers of what the driver is asked of memory and of addresses, and of what makes memory known elsewhere.
#pragma once

#include "cuda/call.h"

namespace weir::cuda::handler {

// S, A: sizes and addresses of 64 bits or, before CUDA 3.2, of 32.

struct MemoryInfo {
  template <class Invoke, class S>
  static Result run(const Call&, const Invoke& invoke, S* /*free*/, S* /*total*/) {
    return invoke();
  }
};

struct AddressRange {
  template <class Invoke, class A, class S>
  static Result run(const Call&, const Invoke& invoke, A* /*start*/, S* /*bytes*/, A /*address*/) {
    return invoke();
  }
};

struct PointerAttribute {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, void* /*value*/, int /*attribute*/, Address) {
    return invoke();
  }
};

struct PointerAttributes {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, unsigned /*count*/, int* /*attributes*/, void** /*values*/,
                    Address) {
    return invoke();
  }
};

struct SetPointerAttribute {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, const void* /*value*/, int /*attribute*/, Address) {
    return invoke();
  }
};

// The memory may be another driver's for as long as the handle lives.
struct RangeHandle {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, void* /*handle*/, Address, size_t, int /*type*/, Flags64) {
    return invoke();
  }
};

// The memory may be opened by another process.
struct IpcHandle {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, cuda::IpcHandle*, Address) {
    return invoke();
  }
};

struct HostDevicePointer {
  template <class Invoke, class A>
  static Result run(const Call&, const Invoke& invoke, A* /*out*/, void* /*host*/, unsigned /*flags*/) {
    return invoke();
  }
};

struct HostFlags {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, unsigned* /*flags*/, void* /*host*/) {
    return invoke();
  }
};

}  // namespace weir::cuda::handler

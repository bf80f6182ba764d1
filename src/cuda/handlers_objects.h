// Handlers of what has a handle or a range instead of plain memory: virtual memory management, arrays, memory of other processes and
// interfaces, multicast objects, modules.
#pragma once

#include "cuda/handlers_memory.h"
#include "cuda/sizes.h"

namespace weir::cuda {

// Gives back everything that is mapped in [start, end) and is not newer than `serial`.
void forget_mapped_range(uint64_t start, uint64_t end, uint64_t serial);

// Memory that is mapped at the address has come by another handle, after the one that it was made with was given back.
void note_other_name(uint64_t handle, uint64_t address);

// A variable of a module's, found again and again perhaps; all of them, when the module goes.
void note_variable(const Call& call, uint64_t address, uint64_t bytes, uint64_t module);
void forget_variables_of(uint64_t module);

// What is opened again is one thing with one more owner.
template <class Invoke>
Result release_owner(const Call& call, const Invoke& invoke, Space space, uint64_t key, uint32_t kinds) {
  bool others_are_left = false;
  {
    const core::Guard guard;
    others_are_left = drop_reference(space, key);
  }
  if (!others_are_left) {
    Release release(call, space, key, kinds);
    return release.finish(invoke());
  }
  const Result result = invoke();
  const core::Guard guard;
  if (result != Result::success) add_reference(space, key);
  return result;
}

namespace handler {

// ---- Virtual memory management ----

struct CreateVmm {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, VmmHandle* out, size_t bytes, const VmmProperties* wish,
                    Flags64) {
    const bool on_device = wish != nullptr && wish->location.type == kLocationDevice;
    return allocate_on(call, invoke, out, on_device ? wish->location.id : kNoDevice,
                       allocation_of(Kind::vmm, bytes, Space::vmm_handle));
  }
};

struct CreateMulticast {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, VmmHandle* out, const MulticastProperties* wish) {
    return allocate_on(call, invoke, out, kNoDevice,
                       allocation_of(Kind::multicast, wish == nullptr ? 0 : wish->bytes, Space::vmm_handle));
  }
};

struct ImportVmm {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, VmmHandle* out, void*, int) {
    return allocate_on(call, invoke, out, kNoDevice, allocation_of(Kind::ipc, 0, Space::vmm_handle));
  }
};

struct RetainVmm {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, VmmHandle* out, void* address) {
    const Result result = invoke();
    const core::Guard guard;
    if (result == Result::success && out != nullptr && !add_reference(Space::vmm_handle, *out)) {
      note_other_name(*out, number_of(address));
    }
    return result;
  }
};

struct ReleaseVmm {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, VmmHandle handle) {
    return release_owner(call, invoke, Space::vmm_handle, handle, kAnyKind);
  }
};

struct ReserveRange {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address* out, size_t bytes, size_t, Address, Flags64) {
    return allocate_on(call, invoke, out, kNoDevice, allocation_of(Kind::reservation, bytes, Space::reservation));
  }
};

struct FreeRange {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address address, size_t) {
    Release release(call, Space::reservation, address, bit_of(Kind::reservation));
    return release.finish(invoke());
  }
};

struct MapRange {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address address, size_t bytes, size_t, VmmHandle handle,
                    Flags64) {
    Allocation memory;
    Allocation mapping = allocation_of(Kind::mapping, bytes, Space::mapping);
    {
      const core::Guard guard;
      if (!find_allocation(Space::vmm_handle, handle, &memory)) memory.device = kNoDevice;
    }
    mapping.owner = handle;
    const Result result = allocate_on(call, invoke, &address, memory.device, mapping);
    const core::Guard guard;
    if (result == Result::success) add_mapping(handle);
    return result;
  }
};

struct UnmapRange {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Address address, size_t bytes) {
    const uint64_t serial = last_serial();
    const Result result = invoke();
    const core::Guard guard;
    if (result == Result::success) forget_mapped_range(address, address + bytes, serial);
    return result;
  }
};

// ---- Arrays ----

inline constexpr unsigned kArrayWithoutMemory = 0x40 | 0x80;  // CUDA_ARRAY3D_SPARSE, CUDA_ARRAY3D_DEFERRED_MAPPING

struct CreateArray {
  static constexpr pool::From kTakesMemory = pool::From::current_device;

  template <class Invoke, class S>
  static Result run(const Call& call, const Invoke& invoke, Array* out, const ArrayShapeOf<S>* shape) {
    const uint64_t bytes =
        shape == nullptr ? 0 : array_bytes(shape->width, shape->height, 0, shape->format, shape->channels);
    return allocate_here(call, invoke, out, allocation_of(Kind::array, bytes, Space::array_handle));
  }
};

struct CreateArray3D {
  static constexpr pool::From kTakesMemory = pool::From::current_device;

  template <class Invoke, class S>
  static Result run(const Call& call, const Invoke& invoke, Array* out, const Array3DShapeOf<S>* shape) {
    const uint64_t bytes = shape == nullptr || (shape->flags & kArrayWithoutMemory) != 0
                               ? 0
                               : array_bytes(shape->width, shape->height, shape->depth, shape->format, shape->channels);
    return allocate_here(call, invoke, out, allocation_of(Kind::array, bytes, Space::array_handle));
  }
};

struct CreateMipmappedArray {
  static constexpr pool::From kTakesMemory = pool::From::current_device;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, MipmappedArray* out, const Array3DShape* shape,
                    unsigned levels) {
    const uint64_t bytes =
        shape == nullptr || (shape->flags & kArrayWithoutMemory) != 0 ? 0 : mipmapped_bytes(*shape, levels);
    return allocate_here(call, invoke, out, allocation_of(Kind::array, bytes, Space::array_handle));
  }
};

struct DestroyArray {
  template <class Invoke, class Handle>
  static Result run(const Call& call, const Invoke& invoke, Handle array) {
    Release release(call, Space::array_handle, number_of(array), bit_of(Kind::array) | bit_of(Kind::view));
    return release.finish(invoke());
  }
};
using DestroyMipmappedArray = DestroyArray;

// ---- Memory of other processes and interfaces ----

struct OpenIpc {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address* out, IpcHandle, unsigned) {
    return allocate(call, invoke, out, Kind::ipc, 0, [&](Address address) {
      if (!is_open_already(address)) note_foreign(call, address);
    });
  }

 private:
  static bool is_open_already(Address address) {
    const core::Guard guard;
    return add_reference(Space::address, address);
  }
};

struct CloseIpc {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address address) {
    return release_owner(call, invoke, Space::address, address, bit_of(Kind::ipc));
  }
};

struct ImportExternal {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, ExternalMemory* out,
                    const ExternalMemoryDescription* description) {
    const uint64_t bytes = description == nullptr ? 0 : description->bytes;
    return allocate_here(call, invoke, out, allocation_of(Kind::external, bytes, Space::external_handle));
  }
};

struct MapExternalBuffer {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Address* out, ExternalMemory,
                    const ExternalBufferDescription* description) {
    return allocate_here(call, invoke, out, allocation_of(Kind::view, description == nullptr ? 0 : description->bytes));
  }
};

struct MapExternalArray {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, MipmappedArray* out, ExternalMemory, const void*) {
    return allocate_here(call, invoke, out, allocation_of(Kind::view, 0, Space::array_handle));
  }
};

struct DestroyExternal {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, ExternalMemory memory) {
    Release release(call, Space::external_handle, number_of(memory), bit_of(Kind::external));
    return release.finish(invoke());
  }
};

// ---- Modules and libraries ----

struct LoadModule {
  static constexpr pool::From kTakesMemory = pool::From::current_device;

  template <class Invoke, class Handle, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, Handle* out, Rest...) {
    return allocate_here(call, invoke, out, allocation_of(Kind::module, 0, Space::module_handle));
  }
};

struct UnloadModule {
  template <class Invoke, class Handle>
  static Result run(const Call& call, const Invoke& invoke, Handle module) {
    Release release(call, Space::module_handle, number_of(module), bit_of(Kind::module));
    const Result result = invoke();
    if (result == Result::success) forget_variables_of(number_of(module));
    return release.finish(result);
  }
};

// So that copies to and from a variable are known to be a device's.
struct FindVariable {
  template <class Invoke, class A, class S, class Handle>
  static Result run(const Call& call, const Invoke& invoke, A* address, S* bytes, Handle module, const char*) {
    const Result result = invoke();
    if (result != Result::success || address == nullptr) return result;
    note_variable(call, *address, bytes == nullptr ? bytes_at(*address) : *bytes, number_of(module));
    return result;
  }
};

}  // namespace handler
}  // namespace weir::cuda

#include "array.h"

#include <algorithm>

#include "block.h"
#include "graph.h"

namespace simcuda {
namespace {

struct Mipmapped {
  CUDA_ARRAY3D_DESCRIPTOR descriptor;
  Context& context;
  uintptr_t address;
  size_t bytes;
  std::vector<std::unique_ptr<Array>> levels;
};

std::map<CUarray, Array*>& arrays() {
  static auto* const all = new std::map<CUarray, Array*>;
  return *all;
}
std::map<CUmipmappedArray, std::unique_ptr<Mipmapped>>& mipmapped_arrays() {
  static auto* const all = new std::map<CUmipmappedArray, std::unique_ptr<Mipmapped>>;
  return *all;
}

Mipmapped& mipmapped_of(CUmipmappedArray handle) {
  return at_handle(mipmapped_arrays(), handle, CUDA_ERROR_INVALID_HANDLE);
}

size_t bytes_of(const CUDA_ARRAY3D_DESCRIPTOR& descriptor, size_t element_bytes) {
  return descriptor.Width * std::max<size_t>(descriptor.Height, 1) * std::max<size_t>(descriptor.Depth, 1) *
         element_bytes;
}

size_t element_bytes_of(const CUDA_ARRAY3D_DESCRIPTOR& descriptor) {
  size_t channel = 4;
  switch (descriptor.Format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8:
      channel = 1;
      break;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF:
      channel = 2;
      break;
    default:
      break;
  }
  return channel * descriptor.NumChannels;
}

// On a device; here all of them have.
bool has_memory(const CUDA_ARRAY3D_DESCRIPTOR& descriptor) {
  return (descriptor.Flags & (CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING)) == 0;
}

CUarray handle_of(Array* array) { return reinterpret_cast<CUarray>(array); }

CUresult create(const char* name, CUarray* handle, const CUDA_ARRAY3D_DESCRIPTOR& descriptor) {
  return run(name, [&](Lock&, Call& call) {
    require_argument(handle != nullptr && descriptor.Width != 0 && descriptor.NumChannels != 0);
    Context& context = current_owner();
    forbid_while_capturing();
    const size_t bytes = bytes_of(descriptor, element_bytes_of(descriptor));
    call.number("asked", has_memory(descriptor) ? bytes : 0);
    const Block& block = allocate_on_device(context, Kind::array, bytes);
    const uintptr_t address = block.address;
    auto* const array = new Array{descriptor, context, address, bytes};
    *handle = handle_of(array);
    arrays()[*handle] = array;
    describe(call, block).number("handle", reinterpret_cast<uintptr_t>(array));
  });
}

CUDA_ARRAY3D_DESCRIPTOR widened(const CUDA_ARRAY_DESCRIPTOR& flat) {
  return {flat.Width, flat.Height, 0, flat.Format, flat.NumChannels, 0};
}

}  // namespace

size_t Array::element_bytes() const { return element_bytes_of(descriptor); }

Array& array_of(CUarray handle) { return at_handle(arrays(), handle, CUDA_ERROR_INVALID_HANDLE); }

void forget_arrays_of(const Context& context) {
  std::erase_if(arrays(), [&](const auto& entry) {
    const Array* const array = entry.second;
    if (&array->context != &context) return false;
    if (!array->is_level) delete array;
    return true;
  });
  std::erase_if(mipmapped_arrays(), [&](const auto& entry) { return &entry.second->context == &context; });
}

SIMCUDA_EXPORT CUresult cuArrayCreate_v2(CUarray* array, const CUDA_ARRAY_DESCRIPTOR* descriptor) {
  return create("cuArrayCreate_v2", array, descriptor == nullptr ? CUDA_ARRAY3D_DESCRIPTOR{} : widened(*descriptor));
}
SIMCUDA_EXPORT CUresult cuArrayCreate(CUarray* array, const CUDA_ARRAY_DESCRIPTOR_v1* old) {
  const CUDA_ARRAY3D_DESCRIPTOR descriptor =
      old == nullptr ? CUDA_ARRAY3D_DESCRIPTOR{}
                     : CUDA_ARRAY3D_DESCRIPTOR{old->Width, old->Height, 0, old->Format, old->NumChannels, 0};
  return create("cuArrayCreate", array, descriptor);
}
SIMCUDA_EXPORT CUresult cuArray3DCreate_v2(CUarray* array, const CUDA_ARRAY3D_DESCRIPTOR* descriptor) {
  return create("cuArray3DCreate_v2", array, descriptor == nullptr ? CUDA_ARRAY3D_DESCRIPTOR{} : *descriptor);
}
SIMCUDA_EXPORT CUresult cuArray3DCreate(CUarray* array, const CUDA_ARRAY3D_DESCRIPTOR_v1* old) {
  const CUDA_ARRAY3D_DESCRIPTOR descriptor =
      old == nullptr ? CUDA_ARRAY3D_DESCRIPTOR{} : CUDA_ARRAY3D_DESCRIPTOR{old->Width,  old->Height,      old->Depth,
                                                                           old->Format, old->NumChannels, old->Flags};
  return create("cuArray3DCreate", array, descriptor);
}

SIMCUDA_EXPORT CUresult cuArrayDestroy(CUarray handle) {
  return run("cuArrayDestroy", [&](Lock& lock, Call& call) {
    call.number("handle", reinterpret_cast<uintptr_t>(handle));
    forbid_while_capturing();
    Array& array = array_of(handle);
    require(!array.is_level, CUDA_ERROR_INVALID_HANDLE);
    wait_for(lock, work_of(array.context));
    call.number("bytes", array.bytes);
    free_block(*find_block_at(array.address));
    arrays().erase(handle);
    delete &array;
  });
}

SIMCUDA_EXPORT CUresult cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR* descriptor, CUarray handle) {
  return run("cuArrayGetDescriptor_v2", [&](Lock&, Call&) {
    require_argument(descriptor != nullptr);
    const CUDA_ARRAY3D_DESCRIPTOR& full = array_of(handle).descriptor;
    *descriptor = {full.Width, full.Height, full.Format, full.NumChannels};
  });
}
SIMCUDA_EXPORT CUresult cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR* descriptor, CUarray handle) {
  return run("cuArray3DGetDescriptor_v2", [&](Lock&, Call&) {
    require_argument(descriptor != nullptr);
    *descriptor = array_of(handle).descriptor;
  });
}

SIMCUDA_EXPORT CUresult cuMipmappedArrayCreate(CUmipmappedArray* handle, const CUDA_ARRAY3D_DESCRIPTOR* descriptor,
                                               unsigned levels) {
  return run("cuMipmappedArrayCreate", [&](Lock&, Call& call) {
    require_argument(handle != nullptr && descriptor != nullptr && descriptor->Width != 0 && levels != 0);
    Context& context = current_owner();
    forbid_while_capturing();
    std::vector<CUDA_ARRAY3D_DESCRIPTOR> of_levels;
    size_t asked = 0, bytes = 0;
    for (CUDA_ARRAY3D_DESCRIPTOR level = *descriptor; of_levels.size() < levels;) {
      of_levels.push_back(level);
      asked += bytes_of(level, element_bytes_of(level));
      bytes += DeviceMemory::rounded(bytes_of(level, element_bytes_of(level)));
      level.Width = std::max<size_t>(level.Width / 2, 1);
      if (level.Height != 0) level.Height = std::max<size_t>(level.Height / 2, 1);
      if (level.Depth != 0) level.Depth = std::max<size_t>(level.Depth / 2, 1);
    }
    call.number("asked", has_memory(*descriptor) ? asked : 0);
    const Block& block = allocate_on_device(context, Kind::array, bytes);
    uintptr_t address = block.address;
    auto made = std::make_unique<Mipmapped>(Mipmapped{*descriptor, context, address, bytes, {}});
    for (const CUDA_ARRAY3D_DESCRIPTOR& level : of_levels) {
      const size_t level_bytes = bytes_of(level, element_bytes_of(level));
      made->levels.push_back(std::make_unique<Array>(Array{level, context, address, level_bytes, /*is_level=*/true}));
      arrays()[handle_of(made->levels.back().get())] = made->levels.back().get();
      address += DeviceMemory::rounded(level_bytes);
    }
    *handle = reinterpret_cast<CUmipmappedArray>(made.get());
    describe(call, block).number("handle", reinterpret_cast<uintptr_t>(made.get()));
    mipmapped_arrays()[*handle] = std::move(made);
  });
}

SIMCUDA_EXPORT CUresult cuMipmappedArrayGetLevel(CUarray* array, CUmipmappedArray handle, unsigned level) {
  return run("cuMipmappedArrayGetLevel", [&](Lock&, Call&) {
    const Mipmapped& of = mipmapped_of(handle);
    require_argument(array != nullptr && level < of.levels.size());
    *array = handle_of(of.levels[level].get());
  });
}

SIMCUDA_EXPORT CUresult cuMipmappedArrayDestroy(CUmipmappedArray handle) {
  return run("cuMipmappedArrayDestroy", [&](Lock& lock, Call& call) {
    call.number("handle", reinterpret_cast<uintptr_t>(handle));
    forbid_while_capturing();
    Mipmapped& gone = mipmapped_of(handle);
    wait_for(lock, work_of(gone.context));
    call.number("bytes", gone.bytes);
    for (const auto& level : gone.levels) arrays().erase(handle_of(level.get()));
    free_block(*find_block_at(gone.address));
    mipmapped_arrays().erase(handle);
  });
}

}  // namespace simcuda

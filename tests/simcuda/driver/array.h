// CUDA arrays: rows one behind the other in device memory, whose layout is the driver's own.
#pragma once

#include "context.h"

namespace simcuda {

struct Array {
  CUDA_ARRAY3D_DESCRIPTOR descriptor;
  Context& context;
  uintptr_t address;
  size_t bytes;
  bool is_level = false;  // of a mipmapped array, which owns the memory

  size_t element_bytes() const;
  size_t row_bytes() const { return descriptor.Width * element_bytes(); }
  size_t rows() const { return descriptor.Height == 0 ? 1 : descriptor.Height; }
};
Array& array_of(CUarray handle);

// Whose memory goes with the context.
void forget_arrays_of(const Context& context);

}  // namespace simcuda

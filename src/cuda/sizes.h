// Bytes of what the driver's functions are given shapes of.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/driver_types.h"

namespace weir::cuda {

// Bits of one element of an array of that format (CUarray_format) with so many channels; 0 where the format is not known. Source: the
// comments on CUarray_format in the public cuda.h of CUDA 13.0.
unsigned bits_of_element(int format, unsigned channels);

// 0 where an extent is not used counts as 1; 0 where the format is not known or the product overflows.
uint64_t array_bytes(uint64_t width, uint64_t height, uint64_t depth, int format, unsigned channels);

// All levels of a mipmapped array, each half as wide, high and deep as the one before.
uint64_t mipmapped_bytes(const Array3DShape& shape, unsigned levels);

}  // namespace weir::cuda

// The functions of CUDA 3.1 and before that copy and set: with addresses and sizes of 32 bits, and without a form for the thread's
// own default stream.
#include "copies.h"

namespace simcuda {

SIMCUDA_EXPORT CUresult cuMemcpyHtoD(CUdeviceptr_v1 to, const void* from, unsigned bytes) {
  return copy_linear("cuMemcpyHtoD", CUdeviceptr{to}, from, bytes, nullptr, false, Wait::yes);
}
SIMCUDA_EXPORT CUresult cuMemcpyHtoDAsync(CUdeviceptr_v1 to, const void* from, unsigned bytes, CUstream stream) {
  return copy_linear("cuMemcpyHtoDAsync", CUdeviceptr{to}, from, bytes, stream, false, Wait::no);
}
SIMCUDA_EXPORT CUresult cuMemcpyDtoH(void* to, CUdeviceptr_v1 from, unsigned bytes) {
  return copy_linear("cuMemcpyDtoH", to, CUdeviceptr{from}, bytes, nullptr, false, Wait::yes);
}
SIMCUDA_EXPORT CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr_v1 from, unsigned bytes, CUstream stream) {
  return copy_linear("cuMemcpyDtoHAsync", to, CUdeviceptr{from}, bytes, stream, false, Wait::no);
}
SIMCUDA_EXPORT CUresult cuMemcpyDtoD(CUdeviceptr_v1 to, CUdeviceptr_v1 from, unsigned bytes) {
  return copy_linear("cuMemcpyDtoD", CUdeviceptr{to}, CUdeviceptr{from}, bytes, nullptr, false, Wait::yes);
}
SIMCUDA_EXPORT CUresult cuMemcpyDtoDAsync(CUdeviceptr_v1 to, CUdeviceptr_v1 from, unsigned bytes, CUstream stream) {
  return copy_linear("cuMemcpyDtoDAsync", CUdeviceptr{to}, CUdeviceptr{from}, bytes, stream, false, Wait::no);
}
SIMCUDA_EXPORT CUresult cuMemcpyHtoA(CUarray array, unsigned offset, const void* from, unsigned bytes) {
  return copy_linear("cuMemcpyHtoA", End(array, offset), from, bytes, nullptr, false, Wait::yes);
}
SIMCUDA_EXPORT CUresult cuMemcpyHtoAAsync(CUarray array, unsigned offset, const void* from, unsigned bytes,
                                          CUstream stream) {
  return copy_linear("cuMemcpyHtoAAsync", End(array, offset), from, bytes, stream, false, Wait::no);
}
SIMCUDA_EXPORT CUresult cuMemcpyAtoH(void* to, CUarray array, unsigned offset, unsigned bytes) {
  return copy_linear("cuMemcpyAtoH", to, End(array, offset), bytes, nullptr, false, Wait::yes);
}
SIMCUDA_EXPORT CUresult cuMemcpyAtoHAsync(void* to, CUarray array, unsigned offset, unsigned bytes, CUstream stream) {
  return copy_linear("cuMemcpyAtoHAsync", to, End(array, offset), bytes, stream, false, Wait::no);
}
SIMCUDA_EXPORT CUresult cuMemcpyDtoA(CUarray array, unsigned offset, CUdeviceptr_v1 from, unsigned bytes) {
  return copy_linear("cuMemcpyDtoA", End(array, offset), CUdeviceptr{from}, bytes, nullptr, false, Wait::yes);
}
SIMCUDA_EXPORT CUresult cuMemcpyAtoD(CUdeviceptr_v1 to, CUarray array, unsigned offset, unsigned bytes) {
  return copy_linear("cuMemcpyAtoD", CUdeviceptr{to}, End(array, offset), bytes, nullptr, false, Wait::yes);
}
SIMCUDA_EXPORT CUresult cuMemcpyAtoA(CUarray to, unsigned to_offset, CUarray from, unsigned from_offset,
                                     unsigned bytes) {
  return copy_linear("cuMemcpyAtoA", End(to, to_offset), End(from, from_offset), bytes, nullptr, false, Wait::yes);
}

SIMCUDA_EXPORT CUresult cuMemcpy2D(const CUDA_MEMCPY2D_v1* parameters) {
  return copy_2d("cuMemcpy2D", parameters, nullptr, false, Wait::yes);
}
SIMCUDA_EXPORT CUresult cuMemcpy2DAsync(const CUDA_MEMCPY2D_v1* parameters, CUstream stream) {
  return copy_2d("cuMemcpy2DAsync", parameters, stream, false, Wait::no);
}
SIMCUDA_EXPORT CUresult cuMemcpy2DUnaligned(const CUDA_MEMCPY2D_v1* parameters) {
  return copy_2d("cuMemcpy2DUnaligned", parameters, nullptr, false, Wait::yes);
}
SIMCUDA_EXPORT CUresult cuMemcpy3D(const CUDA_MEMCPY3D_v1* parameters) {
  return copy_3d("cuMemcpy3D", parameters, nullptr, false, Wait::yes);
}
SIMCUDA_EXPORT CUresult cuMemcpy3DAsync(const CUDA_MEMCPY3D_v1* parameters, CUstream stream) {
  return copy_3d("cuMemcpy3DAsync", parameters, stream, false, Wait::no);
}

SIMCUDA_EXPORT CUresult cuMemsetD8(CUdeviceptr_v1 address, unsigned char value, unsigned count) {
  return set_row("cuMemsetD8", address, value, 1, count, nullptr, false);
}
SIMCUDA_EXPORT CUresult cuMemsetD2D8(CUdeviceptr_v1 address, unsigned pitch, unsigned char value, unsigned width,
                                     unsigned rows) {
  return set("cuMemsetD2D8", {address, pitch, value, 1, width, rows}, nullptr, false);
}
SIMCUDA_EXPORT CUresult cuMemsetD16(CUdeviceptr_v1 address, unsigned short value, unsigned count) {
  return set_row("cuMemsetD16", address, value, 2, count, nullptr, false);
}
SIMCUDA_EXPORT CUresult cuMemsetD2D16(CUdeviceptr_v1 address, unsigned pitch, unsigned short value, unsigned width,
                                      unsigned rows) {
  return set("cuMemsetD2D16", {address, pitch, value, 2, width, rows}, nullptr, false);
}
SIMCUDA_EXPORT CUresult cuMemsetD32(CUdeviceptr_v1 address, unsigned value, unsigned count) {
  return set_row("cuMemsetD32", address, value, 4, count, nullptr, false);
}
SIMCUDA_EXPORT CUresult cuMemsetD2D32(CUdeviceptr_v1 address, unsigned pitch, unsigned value, unsigned width,
                                      unsigned rows) {
  return set("cuMemsetD2D32", {address, pitch, value, 4, width, rows}, nullptr, false);
}

}  // namespace simcuda

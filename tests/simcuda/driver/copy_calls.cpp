// The functions of today that copy and set.
#include "copies.h"

namespace simcuda {

SIMCUDA_TWO_FORMS(cuMemcpy, _ptds, (CUdeviceptr to, CUdeviceptr from, size_t bytes),
                  copy_linear(name_of_call, to, from, bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyAsync, _ptsz, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, to, from, bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpyHtoD_v2, _ptds, (CUdeviceptr to, const void* from, size_t bytes),
                  copy_linear(name_of_call, to, from, bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyHtoDAsync_v2, _ptsz, (CUdeviceptr to, const void* from, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, to, from, bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpyDtoH_v2, _ptds, (void* to, CUdeviceptr from, size_t bytes),
                  copy_linear(name_of_call, to, from, bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyDtoHAsync_v2, _ptsz, (void* to, CUdeviceptr from, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, to, from, bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpyDtoD_v2, _ptds, (CUdeviceptr to, CUdeviceptr from, size_t bytes),
                  copy_linear(name_of_call, to, from, bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyDtoDAsync_v2, _ptsz, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, to, from, bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpyPeer, _ptds, (CUdeviceptr to, CUcontext, CUdeviceptr from, CUcontext, size_t bytes),
                  copy_linear(name_of_call, to, from, bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyPeerAsync, _ptsz,
                  (CUdeviceptr to, CUcontext, CUdeviceptr from, CUcontext, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, to, from, bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpyHtoA_v2, _ptds, (CUarray array, size_t offset, const void* from, size_t bytes),
                  copy_linear(name_of_call, End(array, offset), from, bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyHtoAAsync_v2, _ptsz,
                  (CUarray array, size_t offset, const void* from, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, End(array, offset), from, bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpyAtoH_v2, _ptds, (void* to, CUarray array, size_t offset, size_t bytes),
                  copy_linear(name_of_call, to, End(array, offset), bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyAtoHAsync_v2, _ptsz, (void* to, CUarray array, size_t offset, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, to, End(array, offset), bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpyDtoA_v2, _ptds, (CUarray array, size_t offset, CUdeviceptr from, size_t bytes),
                  copy_linear(name_of_call, End(array, offset), from, bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyAtoD_v2, _ptds, (CUdeviceptr to, CUarray array, size_t offset, size_t bytes),
                  copy_linear(name_of_call, to, End(array, offset), bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyAtoA_v2, _ptds,
                  (CUarray to, size_t to_offset, CUarray from, size_t from_offset, size_t bytes),
                  copy_linear(name_of_call, End(to, to_offset), End(from, from_offset), bytes, nullptr, per_thread,
                              Wait::yes))

SIMCUDA_TWO_FORMS(cuMemcpy2D_v2, _ptds, (const CUDA_MEMCPY2D* parameters),
                  copy_2d(name_of_call, parameters, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpy2DAsync_v2, _ptsz, (const CUDA_MEMCPY2D* parameters, CUstream stream),
                  copy_2d(name_of_call, parameters, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpy2DUnaligned_v2, _ptds, (const CUDA_MEMCPY2D* parameters),
                  copy_2d(name_of_call, parameters, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpy3D_v2, _ptds, (const CUDA_MEMCPY3D* parameters),
                  copy_3d(name_of_call, parameters, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpy3DAsync_v2, _ptsz, (const CUDA_MEMCPY3D* parameters, CUstream stream),
                  copy_3d(name_of_call, parameters, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpy3DPeer, _ptds, (const CUDA_MEMCPY3D_PEER* parameters),
                  copy_3d(name_of_call, parameters, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpy3DPeerAsync, _ptsz, (const CUDA_MEMCPY3D_PEER* parameters, CUstream stream),
                  copy_3d(name_of_call, parameters, stream, per_thread, Wait::no))

SIMCUDA_TWO_FORMS(cuMemsetD8_v2, _ptds, (CUdeviceptr address, unsigned char value, size_t count),
                  set_row(name_of_call, address, value, 1, count, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD8Async, _ptsz, (CUdeviceptr address, unsigned char value, size_t count, CUstream stream),
                  set_row(name_of_call, address, value, 1, count, stream, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D8_v2, _ptds,
                  (CUdeviceptr address, size_t pitch, unsigned char value, size_t width, size_t rows),
                  set(name_of_call, {address, pitch, value, 1, width, rows}, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D8Async, _ptsz,
                  (CUdeviceptr address, size_t pitch, unsigned char value, size_t width, size_t rows, CUstream stream),
                  set(name_of_call, {address, pitch, value, 1, width, rows}, stream, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD16_v2, _ptds, (CUdeviceptr address, unsigned short value, size_t count),
                  set_row(name_of_call, address, value, 2, count, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD16Async, _ptsz, (CUdeviceptr address, unsigned short value, size_t count, CUstream stream),
                  set_row(name_of_call, address, value, 2, count, stream, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D16_v2, _ptds,
                  (CUdeviceptr address, size_t pitch, unsigned short value, size_t width, size_t rows),
                  set(name_of_call, {address, pitch, value, 2, width, rows}, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D16Async, _ptsz,
                  (CUdeviceptr address, size_t pitch, unsigned short value, size_t width, size_t rows, CUstream stream),
                  set(name_of_call, {address, pitch, value, 2, width, rows}, stream, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD32_v2, _ptds, (CUdeviceptr address, unsigned value, size_t count),
                  set_row(name_of_call, address, value, 4, count, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD32Async, _ptsz, (CUdeviceptr address, unsigned value, size_t count, CUstream stream),
                  set_row(name_of_call, address, value, 4, count, stream, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D32_v2, _ptds,
                  (CUdeviceptr address, size_t pitch, unsigned value, size_t width, size_t rows),
                  set(name_of_call, {address, pitch, value, 4, width, rows}, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D32Async, _ptsz,
                  (CUdeviceptr address, size_t pitch, unsigned value, size_t width, size_t rows, CUstream stream),
                  set(name_of_call, {address, pitch, value, 4, width, rows}, stream, per_thread))

}  // namespace simcuda

// Copies and memsets: of host, device and managed memory and of arrays, in all directions. Every address is one of this process, so
// that a copy is a memcpy, in its stream.
#include <cstring>

#include "array.h"
#include "block.h"
#include "graph.h"

namespace simcuda {
namespace {

// A box of bytes.
struct Side {
  uintptr_t address;
  size_t pitch, slice;  // bytes from row to row, and from slice to slice
};
struct Box {
  size_t width, height, depth;
  size_t span(const Side& side) const {
    return width == 0 ? 0 : (depth - 1) * side.slice + (height - 1) * side.pitch + width;
  }
};

const Side linear(uintptr_t address, size_t bytes) { return {address, bytes, bytes}; }

// Memory that a device cannot read by itself.
bool is_pageable(uintptr_t address) { return device_holding(address) == nullptr && find_block(address) == nullptr; }

std::string_view place_of(uintptr_t address) {
  if (device_holding(address) != nullptr) return "device";
  const Block* block = find_block(address);
  return block == nullptr ? "pageable" : name_of(block->kind);
}

Task copy_task(Context& context, const Side& to, const Side& from, const Box& box) {
  return [&context, to, from, box] {
    if (!may_access(context, from.address, box.span(from)) || !may_access(context, to.address, box.span(to))) return;
    for (size_t z = 0; z < box.depth; ++z) {
      for (size_t y = 0; y < box.height; ++y) {
        memmove(reinterpret_cast<void*>(to.address + z * to.slice + y * to.pitch),
                reinterpret_cast<const void*>(from.address + z * from.slice + y * from.pitch), box.width);
      }
    }
  };
}

enum class Wait : bool { no, yes };

// A copy from or to pageable memory is done when the call returns, whatever its form.
void copy(Lock& lock, Call& call, Stream& stream, const Side& to, const Side& from, const Box& box, Wait wait) {
  const size_t bytes = box.width * box.height * box.depth;
  call.number("bytes", bytes).text("from", place_of(from.address)).text("to", place_of(to.address));
  if (wait == Wait::yes) forbid_while_capturing();
  submit(lock, stream, CU_GRAPH_NODE_TYPE_MEMCPY, copy_task(stream.context, to, from, box));
  const bool is_waited_for = wait == Wait::yes || is_pageable(to.address) || is_pageable(from.address);
  if (stream.capture != nullptr || !is_waited_for) return;
  Context& context = stream.context;
  wait_for(lock, {stream.ticket()});
  require(context.sticky_error == CUDA_SUCCESS, context.sticky_error);
}

CUresult copy_linear(const char* name, uintptr_t to, uintptr_t from, size_t bytes, CUstream stream, bool per_thread,
                     Wait wait) {
  return run(name, [&](Lock& lock, Call& call) {
    Stream& in = stream_of(stream, per_thread);
    require_argument(bytes == 0 || (to != 0 && from != 0));
    copy(lock, call, in, linear(to, bytes), linear(from, bytes), {bytes, 1, 1}, wait);
  });
}

// One side of a two- or three-dimensional copy.
template <class Parameters>
Side side_of(CUmemorytype type, const void* host, CUdeviceptr device, CUarray array, size_t pitch, size_t height,
             const Parameters& at) {
  Side side{};
  if (type == CU_MEMORYTYPE_ARRAY) {
    const Array& of = array_of(array);
    side = {of.address, of.row_bytes(), of.row_bytes() * of.rows()};
  } else {
    const auto address = type == CU_MEMORYTYPE_HOST ? reinterpret_cast<uintptr_t>(host) : uintptr_t{device};
    side = {address, pitch, pitch * height};
  }
  side.address += at.z * side.slice + at.y * side.pitch + at.x;
  return side;
}

struct Offset {
  size_t x, y, z;
};

CUresult copy_2d(const char* name, const CUDA_MEMCPY2D* parameters, CUstream stream, bool per_thread, Wait wait) {
  return run(name, [&](Lock& lock, Call& call) {
    require_argument(parameters != nullptr);
    const CUDA_MEMCPY2D& p = *parameters;
    Stream& in = stream_of(stream, per_thread);
    const Box box{p.WidthInBytes, p.Height, 1};
    const size_t source_pitch = p.srcPitch != 0 ? p.srcPitch : p.WidthInBytes;
    const size_t target_pitch = p.dstPitch != 0 ? p.dstPitch : p.WidthInBytes;
    const Side from = side_of(p.srcMemoryType, p.srcHost, p.srcDevice, p.srcArray, source_pitch, p.Height,
                              Offset{p.srcXInBytes, p.srcY, 0});
    const Side to = side_of(p.dstMemoryType, p.dstHost, p.dstDevice, p.dstArray, target_pitch, p.Height,
                            Offset{p.dstXInBytes, p.dstY, 0});
    copy(lock, call, in, to, from, box, wait);
  });
}

CUresult copy_3d(const char* name, const CUDA_MEMCPY3D* parameters, CUstream stream, bool per_thread, Wait wait) {
  return run(name, [&](Lock& lock, Call& call) {
    require_argument(parameters != nullptr);
    const CUDA_MEMCPY3D& p = *parameters;
    Stream& in = stream_of(stream, per_thread);
    const Box box{p.WidthInBytes, p.Height, p.Depth};
    const size_t source_pitch = p.srcPitch != 0 ? p.srcPitch : p.WidthInBytes;
    const size_t target_pitch = p.dstPitch != 0 ? p.dstPitch : p.WidthInBytes;
    const size_t source_height = p.srcHeight != 0 ? p.srcHeight : p.Height;
    const size_t target_height = p.dstHeight != 0 ? p.dstHeight : p.Height;
    const Side from = side_of(p.srcMemoryType, p.srcHost, p.srcDevice, p.srcArray, source_pitch, source_height,
                              Offset{p.srcXInBytes, p.srcY, p.srcZ});
    const Side to = side_of(p.dstMemoryType, p.dstHost, p.dstDevice, p.dstArray, target_pitch, target_height,
                            Offset{p.dstXInBytes, p.dstY, p.dstZ});
    copy(lock, call, in, to, from, box, wait);
  });
}

// Rows of `count` elements of one value.
template <class Value>
CUresult set(const char* name, CUdeviceptr address, size_t pitch, Value value, size_t count, size_t rows,
             CUstream stream, bool per_thread) {
  return run(name, [&](Lock& lock, Call& call) {
    Stream& in = stream_of(stream, per_thread);
    require_argument(address % sizeof(Value) == 0);
    const size_t bytes = count * sizeof(Value);
    call.number("address", address).number("bytes", bytes * rows).text("to", place_of(address));
    Context& context = in.context;
    submit(lock, in, CU_GRAPH_NODE_TYPE_MEMSET, [&context, address, pitch, value, count, rows, bytes] {
      if (bytes == 0 || rows == 0 || !may_access(context, address, (rows - 1) * pitch + bytes)) return;
      for (size_t row = 0; row < rows; ++row) {
        std::fill_n(reinterpret_cast<Value*>(address + row * pitch), count, value);
      }
    });
  });
}

uintptr_t address_of(const void* host) { return reinterpret_cast<uintptr_t>(host); }

}  // namespace

SIMCUDA_TWO_FORMS(cuMemcpy, _ptds, (CUdeviceptr to, CUdeviceptr from, size_t bytes),
                  copy_linear(name_of_call, to, from, bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyHtoD_v2, _ptds, (CUdeviceptr to, const void* from, size_t bytes),
                  copy_linear(name_of_call, to, address_of(from), bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyDtoH_v2, _ptds, (void* to, CUdeviceptr from, size_t bytes),
                  copy_linear(name_of_call, address_of(to), from, bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyDtoD_v2, _ptds, (CUdeviceptr to, CUdeviceptr from, size_t bytes),
                  copy_linear(name_of_call, to, from, bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpyPeer, _ptds, (CUdeviceptr to, CUcontext, CUdeviceptr from, CUcontext, size_t bytes),
                  copy_linear(name_of_call, to, from, bytes, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpy2D_v2, _ptds, (const CUDA_MEMCPY2D* parameters),
                  copy_2d(name_of_call, parameters, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpy2DUnaligned_v2, _ptds, (const CUDA_MEMCPY2D* parameters),
                  copy_2d(name_of_call, parameters, nullptr, per_thread, Wait::yes))
SIMCUDA_TWO_FORMS(cuMemcpy3D_v2, _ptds, (const CUDA_MEMCPY3D* parameters),
                  copy_3d(name_of_call, parameters, nullptr, per_thread, Wait::yes))

SIMCUDA_TWO_FORMS(cuMemcpyAsync, _ptsz, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, to, from, bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpyHtoDAsync_v2, _ptsz, (CUdeviceptr to, const void* from, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, to, address_of(from), bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpyDtoHAsync_v2, _ptsz, (void* to, CUdeviceptr from, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, address_of(to), from, bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpyDtoDAsync_v2, _ptsz, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, to, from, bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpyPeerAsync, _ptsz,
                  (CUdeviceptr to, CUcontext, CUdeviceptr from, CUcontext, size_t bytes, CUstream stream),
                  copy_linear(name_of_call, to, from, bytes, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpy2DAsync_v2, _ptsz, (const CUDA_MEMCPY2D* parameters, CUstream stream),
                  copy_2d(name_of_call, parameters, stream, per_thread, Wait::no))
SIMCUDA_TWO_FORMS(cuMemcpy3DAsync_v2, _ptsz, (const CUDA_MEMCPY3D* parameters, CUstream stream),
                  copy_3d(name_of_call, parameters, stream, per_thread, Wait::no))

SIMCUDA_TWO_FORMS(cuMemsetD8_v2, _ptds, (CUdeviceptr address, unsigned char value, size_t count),
                  set(name_of_call, address, 0, value, count, 1, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD16_v2, _ptds, (CUdeviceptr address, unsigned short value, size_t count),
                  set(name_of_call, address, 0, value, count, 1, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD32_v2, _ptds, (CUdeviceptr address, unsigned value, size_t count),
                  set(name_of_call, address, 0, value, count, 1, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D8_v2, _ptds,
                  (CUdeviceptr address, size_t pitch, unsigned char value, size_t width, size_t rows),
                  set(name_of_call, address, pitch, value, width, rows, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D16_v2, _ptds,
                  (CUdeviceptr address, size_t pitch, unsigned short value, size_t width, size_t rows),
                  set(name_of_call, address, pitch, value, width, rows, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D32_v2, _ptds,
                  (CUdeviceptr address, size_t pitch, unsigned value, size_t width, size_t rows),
                  set(name_of_call, address, pitch, value, width, rows, nullptr, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD8Async, _ptsz, (CUdeviceptr address, unsigned char value, size_t count, CUstream stream),
                  set(name_of_call, address, 0, value, count, 1, stream, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD16Async, _ptsz, (CUdeviceptr address, unsigned short value, size_t count, CUstream stream),
                  set(name_of_call, address, 0, value, count, 1, stream, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD32Async, _ptsz, (CUdeviceptr address, unsigned value, size_t count, CUstream stream),
                  set(name_of_call, address, 0, value, count, 1, stream, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D8Async, _ptsz,
                  (CUdeviceptr address, size_t pitch, unsigned char value, size_t width, size_t rows, CUstream stream),
                  set(name_of_call, address, pitch, value, width, rows, stream, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D16Async, _ptsz,
                  (CUdeviceptr address, size_t pitch, unsigned short value, size_t width, size_t rows, CUstream stream),
                  set(name_of_call, address, pitch, value, width, rows, stream, per_thread))
SIMCUDA_TWO_FORMS(cuMemsetD2D32Async, _ptsz,
                  (CUdeviceptr address, size_t pitch, unsigned value, size_t width, size_t rows, CUstream stream),
                  set(name_of_call, address, pitch, value, width, rows, stream, per_thread))

}  // namespace simcuda

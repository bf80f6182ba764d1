// Copies and memsets: of host, device and managed memory and of arrays, in all directions. Every address is one of this process, so
// that a copy is a memmove, in its stream.
#pragma once

#include "context.h"

namespace simcuda {

// Whether the call returns only when the copy is done.
enum class Wait : bool { no, yes };

// A box of bytes, and where it lies.
struct Side {
  uintptr_t address;
  size_t pitch, slice;  // bytes from row to row, and from slice to slice
};
struct Box {
  size_t width, height, depth;
  bool is_empty() const { return width == 0 || height == 0 || depth == 0; }
  size_t span(const Side& side) const {
    return is_empty() ? 0 : (depth - 1) * side.slice + (height - 1) * side.pitch + width;
  }
};
struct Transfer {
  Side to, from;
  Box box;
};

// One end of a copy of one row: an address, or bytes from the start of an array.
struct End {
  End(CUdeviceptr device) : address(device) {}
  End(const void* host) : address(reinterpret_cast<uintptr_t>(host)) {}
  End(CUarray in, size_t offset) : address(offset), array(in) {}
  uintptr_t address;
  CUarray array = nullptr;  // none: of memory
};

// The parameters of a copy of any version and dimension as those of the newest.
template <class Flat>
CUDA_MEMCPY3D widened_2d(const Flat& p) {
  CUDA_MEMCPY3D wide{};
  wide.srcXInBytes = p.srcXInBytes;
  wide.srcY = p.srcY;
  wide.srcMemoryType = p.srcMemoryType;
  wide.srcHost = p.srcHost;
  wide.srcDevice = p.srcDevice;
  wide.srcArray = p.srcArray;
  wide.srcPitch = p.srcPitch;
  wide.dstXInBytes = p.dstXInBytes;
  wide.dstY = p.dstY;
  wide.dstMemoryType = p.dstMemoryType;
  wide.dstHost = p.dstHost;
  wide.dstDevice = p.dstDevice;
  wide.dstArray = p.dstArray;
  wide.dstPitch = p.dstPitch;
  wide.WidthInBytes = p.WidthInBytes;
  wide.Height = p.Height;
  wide.Depth = 1;
  return wide;
}
template <class Deep>
CUDA_MEMCPY3D widened_3d(const Deep& p) {
  CUDA_MEMCPY3D wide = widened_2d(p);
  wide.srcZ = p.srcZ;
  wide.srcHeight = p.srcHeight;
  wide.dstZ = p.dstZ;
  wide.dstHeight = p.dstHeight;
  wide.Depth = p.Depth;
  return wide;
}

Transfer transfer_of(const CUDA_MEMCPY3D& parameters);

// The same as a graph's node, for which it is settled when the node is made how a device comes by memory that is registered then: an illegal
// address once it is not.
Task node_copy_task(Context& context, const Transfer& transfer);
// To be run in a stream.
Task copy_task(Context& context, const Transfer& transfer);
// Refuses an address that is not a multiple of element_bytes: 1, 2 or 4. The pitch is that of rows, the width in elements.
Task set_task(Context& context, const CUDA_MEMSET_NODE_PARAMS& parameters);

// Has the stream do it, and logs what. A copy from or to pageable memory is done at return even where it is not waited for, but for small
// ones to a device, which are copied aside: the program may change what it copied at once.
void copy(Lock&, Call& call, Stream& stream, const Transfer& transfer, Wait wait);

// Exported functions but for their name. `per_thread`: a null stream is the thread's own.
CUresult copy_linear(const char* name, const End& to, const End& from, size_t bytes, CUstream stream, bool per_thread,
                     Wait wait);
CUresult copy_wide(const char* name, const CUDA_MEMCPY3D& parameters, CUstream stream, bool per_thread, Wait wait);
CUresult set(const char* name, const CUDA_MEMSET_NODE_PARAMS& parameters, CUstream stream, bool per_thread);

template <class Flat>
CUresult copy_2d(const char* name, const Flat* parameters, CUstream stream, bool per_thread, Wait wait) {
  if (parameters == nullptr) return refused(name, CUDA_ERROR_INVALID_VALUE);
  return copy_wide(name, widened_2d(*parameters), stream, per_thread, wait);
}
template <class Deep>
CUresult copy_3d(const char* name, const Deep* parameters, CUstream stream, bool per_thread, Wait wait) {
  if (parameters == nullptr) return refused(name, CUDA_ERROR_INVALID_VALUE);
  return copy_wide(name, widened_3d(*parameters), stream, per_thread, wait);
}
inline CUresult set_row(const char* name, CUdeviceptr address, unsigned value, unsigned element_bytes, size_t count,
                        CUstream stream, bool per_thread) {
  return set(name, {address, 0, value, element_bytes, count, 1}, stream, per_thread);
}

}  // namespace simcuda

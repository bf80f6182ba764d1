#include "copies.h"

#include <algorithm>
#include <cstring>

#include "array.h"
#include "block.h"
#include "graph.h"

namespace simcuda {
namespace {

// Memory that a device cannot read by itself.
bool is_pageable(uintptr_t address) { return device_holding(address) == nullptr && find_block(address) == nullptr; }

// 0: none.
uint64_t registration_at(uintptr_t address) {
  const Block* block = find_block(address);
  return block != nullptr && block->kind == Kind::registered ? block->id : 0;
}

// A range in the host's memory lies wholly in one block of the driver's, or outside of all of them: what is registered in part the driver
// does not copy.
void require_whole(uintptr_t address, size_t bytes) {
  if (bytes == 0 || device_holding(address) != nullptr) return;
  const Block* first = find_block(address);
  const Block* last = find_block(address + bytes - 1);
  const bool is_hosts =
      (first == nullptr || first->kind == Kind::registered) && (last == nullptr || last->kind == Kind::registered);
  require_argument(!is_hosts || first == last);
}

std::string_view place_of(uintptr_t address) {
  if (device_holding(address) != nullptr) return "device";
  const Block* block = find_block(address);
  return block == nullptr ? "pageable" : name_of(block->kind);
}

struct Offset {
  size_t x, y, z;
};

// One side of a two- or three-dimensional copy.
Side side_of(CUmemorytype type, const void* host, CUdeviceptr device, CUarray array, size_t pitch, size_t height,
             const Offset& at) {
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

Side side_of(const End& end, size_t bytes) {
  if (end.array == nullptr) {
    require_argument(bytes == 0 || end.address != 0);
    return {end.address, bytes, bytes};
  }
  const Array& array = array_of(end.array);
  require_argument(end.address <= array.bytes && bytes <= array.bytes - end.address);
  return {array.address + end.address, bytes, bytes};
}

template <class Value>
void fill(const CUDA_MEMSET_NODE_PARAMS& p) {
  for (size_t row = 0; row < p.height; ++row) {
    std::fill_n(reinterpret_cast<Value*>(p.dst + row * p.pitch), p.width, static_cast<Value>(p.value));
  }
}

}  // namespace

Transfer transfer_of(const CUDA_MEMCPY3D& p) {
  const size_t source_pitch = p.srcPitch != 0 ? p.srcPitch : p.WidthInBytes;
  const size_t target_pitch = p.dstPitch != 0 ? p.dstPitch : p.WidthInBytes;
  const size_t source_height = p.srcHeight != 0 ? p.srcHeight : p.Height;
  const size_t target_height = p.dstHeight != 0 ? p.dstHeight : p.Height;
  const Side from = side_of(p.srcMemoryType, p.srcHost, p.srcDevice, p.srcArray, source_pitch, source_height,
                            {p.srcXInBytes, p.srcY, p.srcZ});
  const Side to = side_of(p.dstMemoryType, p.dstHost, p.dstDevice, p.dstArray, target_pitch, target_height,
                          {p.dstXInBytes, p.dstY, p.dstZ});
  return {to, from, {p.WidthInBytes, p.Height, p.Depth}};
}

Task copy_task(Context& context, const Transfer& transfer) {
  return [&context, transfer] {
    const auto& [to, from, box] = transfer;
    if (!may_access(context, from.address, box.span(from)) || !may_access(context, to.address, box.span(to))) return;
    for (size_t z = 0; z < box.depth; ++z) {
      for (size_t y = 0; y < box.height; ++y) {
        memmove(reinterpret_cast<void*>(to.address + z * to.slice + y * to.pitch),
                reinterpret_cast<const void*>(from.address + z * from.slice + y * from.pitch), box.width);
      }
    }
  };
}

Task node_copy_task(Context& context, const Transfer& transfer) {
  const uint64_t from = registration_at(transfer.from.address), to = registration_at(transfer.to.address);
  return [&context, transfer, from, to, task = copy_task(context, transfer)] {
    bool is_as_it_was = true;
    {
      const Lock lock(driver_mutex());
      is_as_it_was = (from == 0 || registration_at(transfer.from.address) == from) &&
                     (to == 0 || registration_at(transfer.to.address) == to);
      if (!is_as_it_was) context.fail(CUDA_ERROR_ILLEGAL_ADDRESS);
    }
    if (is_as_it_was) task();
  };
}

Task set_task(Context& context, const CUDA_MEMSET_NODE_PARAMS& p) {
  require_argument(p.elementSize == 1 || p.elementSize == 2 || p.elementSize == 4);
  require_argument(p.dst % p.elementSize == 0);
  return [&context, p] {
    const Box box{p.width * p.elementSize, p.height, 1};
    if (box.is_empty() || !may_access(context, p.dst, box.span({p.dst, p.pitch, 0}))) return;
    if (p.elementSize == 1) fill<uint8_t>(p);
    if (p.elementSize == 2) fill<uint16_t>(p);
    if (p.elementSize == 4) fill<uint32_t>(p);
  };
}

namespace {

// Up to so many bytes of pageable memory, in one row, are copied aside when a copy to a device is asked for, and the call does not wait.
// Source: "Asynchronous Concurrent Execution" in the public documentation of CUDA.
constexpr size_t kMostStaged = size_t{64} << 10;

bool is_staged(const Transfer& transfer) {
  const auto& [to, from, box] = transfer;
  return box.height == 1 && box.depth == 1 && box.width <= kMostStaged && is_pageable(from.address) &&
         device_holding(to.address) != nullptr;
}

Task staged_task(Context& context, const Transfer& transfer) {
  const auto* from = reinterpret_cast<const char*>(transfer.from.address);
  const auto bytes = std::make_shared<std::vector<char>>(from, from + transfer.box.width);
  Transfer of_stage = transfer;
  of_stage.from.address = reinterpret_cast<uintptr_t>(bytes->data());
  return [bytes, task = copy_task(context, of_stage)] { task(); };
}

}  // namespace

void copy(Lock& lock, Call& call, Stream& stream, const Transfer& transfer, Wait wait) {
  const auto& [to, from, box] = transfer;
  const size_t bytes = box.width * box.height * box.depth;
  call.number("bytes", bytes).text("from", place_of(from.address)).text("to", place_of(to.address));
  require_whole(from.address, box.span(from));
  require_whole(to.address, box.span(to));
  if (wait == Wait::yes) forbid_while_capturing();
  if (wait == Wait::no && stream.capture == nullptr && is_staged(transfer)) {
    submit(lock, stream, CU_GRAPH_NODE_TYPE_MEMCPY, staged_task(stream.context, transfer));
    return;
  }
  const bool is_captured = stream.capture != nullptr;
  submit(lock, stream, CU_GRAPH_NODE_TYPE_MEMCPY,
         is_captured ? node_copy_task(stream.context, transfer) : copy_task(stream.context, transfer));
  const bool is_waited_for = wait == Wait::yes || is_pageable(to.address) || is_pageable(from.address);
  if (stream.capture != nullptr || !is_waited_for) return;
  Context& context = stream.context;
  wait_for(lock, {stream.ticket()});
  require(context.sticky_error == CUDA_SUCCESS, context.sticky_error);
}

CUresult copy_linear(const char* name, const End& to, const End& from, size_t bytes, CUstream stream, bool per_thread,
                     Wait wait) {
  return run(name, [&](Lock& lock, Call& call) {
    Stream& in = stream_of(stream, per_thread);
    copy(lock, call, in, {side_of(to, bytes), side_of(from, bytes), {bytes, 1, 1}}, wait);
  });
}

CUresult copy_wide(const char* name, const CUDA_MEMCPY3D& parameters, CUstream stream, bool per_thread, Wait wait) {
  return run(name, [&](Lock& lock, Call& call) {
    Stream& in = stream_of(stream, per_thread);
    copy(lock, call, in, transfer_of(parameters), wait);
  });
}

CUresult set(const char* name, const CUDA_MEMSET_NODE_PARAMS& parameters, CUstream stream, bool per_thread) {
  return run(name, [&](Lock& lock, Call& call) {
    Stream& in = stream_of(stream, per_thread);
    Task task = set_task(in.context, parameters);
    const size_t bytes = parameters.width * parameters.elementSize * parameters.height;
    call.number("address", parameters.dst).number("bytes", bytes).text("to", place_of(parameters.dst));
    submit(lock, in, CU_GRAPH_NODE_TYPE_MEMSET, std::move(task));
  });
}

}  // namespace simcuda

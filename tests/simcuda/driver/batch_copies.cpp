// Copies by the batch. Those of a batch may run in any order: here it is theirs.
#include "array.h"
#include "copies.h"
#include "graph.h"

namespace simcuda {
namespace {

struct Batch {
  std::vector<Transfer> transfers;
  bool is_waited_for = false;  // a source is the caller's again at return
};

bool is_read_during_call(CUmemcpySrcAccessOrder order) {
  require_argument(order >= CU_MEMCPY_SRC_ACCESS_ORDER_STREAM && order <= CU_MEMCPY_SRC_ACCESS_ORDER_ANY);
  return order == CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL;
}

struct Lists {
  CUdeviceptr *to, *from;
  size_t* bytes;
  size_t count;
};
struct Attributes {
  CUmemcpyAttributes* of;
  size_t* from;  // the first copy that each applies to
  size_t count;
};

Batch batch_of(const Lists& lists, const Attributes& attributes) {
  require_argument(lists.to != nullptr && lists.from != nullptr && lists.bytes != nullptr && lists.count != 0);
  require_argument(attributes.of != nullptr && attributes.from != nullptr && attributes.count != 0);
  require_argument(attributes.from[0] == 0 && attributes.from[attributes.count - 1] < lists.count);
  Batch batch;
  for (size_t i = 0; i < attributes.count; ++i) {
    require_argument(i == 0 || attributes.from[i] > attributes.from[i - 1]);
    batch.is_waited_for |= is_read_during_call(attributes.of[i].srcAccessOrder);
  }
  for (size_t i = 0; i < lists.count; ++i) {
    const size_t bytes = lists.bytes[i];
    require_argument(bytes == 0 || (lists.to[i] != 0 && lists.from[i] != 0));
    batch.transfers.push_back({{lists.to[i], bytes, bytes}, {lists.from[i], bytes, bytes}, {bytes, 1, 1}});
  }
  return batch;
}

// Sizes and offsets of arrays are in elements; of pointers too, which are of one byte where there is no array.
size_t element_bytes_of(const CUDA_MEMCPY3D_BATCH_OP& operation) {
  for (const CUmemcpy3DOperand* operand : {&operation.src, &operation.dst}) {
    if (operand->type == CU_MEMCPY_OPERAND_TYPE_ARRAY) return array_of(operand->op.array.array).element_bytes();
  }
  return 1;
}

struct Operand {
  CUmemorytype type;
  CUarray array;
  CUdeviceptr address;
  size_t pitch, height;  // bytes, rows
  CUoffset3D at;         // in an array
};

Operand operand_of(const CUmemcpy3DOperand& operand, size_t element_bytes) {
  if (operand.type == CU_MEMCPY_OPERAND_TYPE_ARRAY) {
    const CUoffset3D& at = operand.op.array.offset;
    return {CU_MEMORYTYPE_ARRAY, operand.op.array.array, 0, 0, 0, {at.x * element_bytes, at.y, at.z}};
  }
  require_argument(operand.type == CU_MEMCPY_OPERAND_TYPE_POINTER && operand.op.ptr.ptr != 0);
  const auto& of = operand.op.ptr;
  return {CU_MEMORYTYPE_UNIFIED, nullptr, of.ptr, of.rowLength * element_bytes, of.layerHeight, {}};
}

CUDA_MEMCPY3D widened(const CUDA_MEMCPY3D_BATCH_OP& operation) {
  const CUextent3D& extent = operation.extent;
  require_argument(extent.width != 0 && extent.height != 0 && extent.depth != 0);
  const size_t element_bytes = element_bytes_of(operation);
  const Operand from = operand_of(operation.src, element_bytes), to = operand_of(operation.dst, element_bytes);
  CUDA_MEMCPY3D wide{};
  wide.srcMemoryType = from.type;
  wide.srcArray = from.array;
  wide.srcDevice = from.address;
  wide.srcPitch = from.pitch;
  wide.srcHeight = from.height;
  wide.srcXInBytes = from.at.x;
  wide.srcY = from.at.y;
  wide.srcZ = from.at.z;
  wide.dstMemoryType = to.type;
  wide.dstArray = to.array;
  wide.dstDevice = to.address;
  wide.dstPitch = to.pitch;
  wide.dstHeight = to.height;
  wide.dstXInBytes = to.at.x;
  wide.dstY = to.at.y;
  wide.dstZ = to.at.z;
  wide.WidthInBytes = extent.width * element_bytes;
  wide.Height = extent.height;
  wide.Depth = extent.depth;
  return wide;
}

Batch batch_of(size_t count, const CUDA_MEMCPY3D_BATCH_OP* operations, unsigned long long flags) {
  require_argument(count != 0 && operations != nullptr && flags == 0);
  Batch batch;
  for (size_t i = 0; i < count; ++i) {
    batch.is_waited_for |= is_read_during_call(operations[i].srcAccessOrder);
    batch.transfers.push_back(transfer_of(widened(operations[i])));
  }
  return batch;
}

// make() gives the batch. No failure is one copy's alone, which `failed` would say.
template <class Make>
CUresult copy_batch(const char* name, size_t* failed, CUstream handle, bool per_thread, Make make) {
  if (failed != nullptr) *failed = SIZE_MAX;
  return run(name, [&](Lock& lock, Call& call) {
    Stream& stream = stream_of(handle, per_thread);
    require_argument(stream.kind != StreamKind::legacy_default);
    const Batch batch = make();
    size_t bytes = 0;
    for (const auto& [to, from, box] : batch.transfers) bytes += box.width * box.height * box.depth;
    call.number("bytes", bytes).number("copies", batch.transfers.size()).number("stream", stream.id);
    for (const Transfer& transfer : batch.transfers) {
      submit(lock, stream, CU_GRAPH_NODE_TYPE_MEMCPY, copy_task(stream.context, transfer));
    }
    if (batch.is_waited_for && stream.capture == nullptr) wait_for(lock, {stream.ticket()});
  });
}

}  // namespace

SIMCUDA_TWO_FORMS(cuMemcpyBatchAsync, _ptsz,
                  (CUdeviceptr * to, CUdeviceptr* from, size_t* bytes, size_t count, CUmemcpyAttributes* attributes,
                   size_t* first, size_t attribute_count, size_t* failed, CUstream stream),
                  copy_batch(name_of_call, failed, stream, per_thread, [&] {
                    return batch_of({to, from, bytes, count}, {attributes, first, attribute_count});
                  }))
SIMCUDA_TWO_FORMS(cuMemcpyBatchAsync_v2, _ptsz,
                  (CUdeviceptr * to, CUdeviceptr* from, size_t* bytes, size_t count, CUmemcpyAttributes* attributes,
                   size_t* first, size_t attribute_count, CUstream stream),
                  copy_batch(name_of_call, nullptr, stream, per_thread, [&] {
                    return batch_of({to, from, bytes, count}, {attributes, first, attribute_count});
                  }))
SIMCUDA_TWO_FORMS(cuMemcpy3DBatchAsync, _ptsz,
                  (size_t count, CUDA_MEMCPY3D_BATCH_OP* operations, size_t* failed, unsigned long long flags,
                   CUstream stream),
                  copy_batch(name_of_call, failed, stream, per_thread,
                             [&] { return batch_of(count, operations, flags); }))
SIMCUDA_TWO_FORMS(cuMemcpy3DBatchAsync_v2, _ptsz,
                  (size_t count, CUDA_MEMCPY3D_BATCH_OP* operations, unsigned long long flags, CUstream stream),
                  copy_batch(name_of_call, nullptr, stream, per_thread,
                             [&] { return batch_of(count, operations, flags); }))

}  // namespace simcuda

#include "pools.h"

#include <unistd.h>

#include <algorithm>

#include "block.h"
#include "graph.h"

namespace simcuda {
namespace {

// Its memory is the host's, or goes to and fro between it and devices.
bool is_on_host(const Pool& pool) {
  return pool.properties.allocType == CU_MEM_ALLOCATION_TYPE_MANAGED ||
         pool.properties.location.type != CU_MEM_LOCATION_TYPE_DEVICE;
}

// The memory is there for what the stream does later; the address at once.
uintptr_t allocate_in_stream(Call& call, Stream& stream, Pool& pool, size_t bytes) {
  require_argument(!pool.is_imported());
  Block& block = is_on_host(pool) ? allocate_on_host(stream.context, Kind::async, bytes, 0)
                                  : allocate_on(pool.device, stream.context, Kind::async, bytes);
  block.pool = &pool;
  pool.used_bytes += bytes;
  pool.used_high_bytes = std::max(pool.used_high_bytes, pool.used_bytes);
  call.number("address", block.address).number("bytes", bytes).text("kind", name_of(block.kind));
  call.number("stream", stream.id).number("device", static_cast<uint64_t>(pool.device.ordinal));
  return block.address;
}

// In a capture it is a node of the graph.
uintptr_t capture_allocation(Call& call, Stream& stream, Pool& pool, size_t bytes) {
  require(stream.capture->valid, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  const Block& block = add_graph_block(pool.device, stream.context, bytes);
  const uintptr_t address = block.address;
  Node* node = capture_node(stream, CU_GRAPH_NODE_TYPE_MEM_ALLOC, [address] { allocate_graph_block(address); });
  node->allocation.poolProps = pool.properties;
  node->allocation.bytesize = bytes;
  node->allocation.dptr = address;
  node->block_id = block.id;
  call.number("address", address).number("bytes", bytes).text("kind", name_of(block.kind));
  call.number("stream", stream.id).number("graph", node->graph.id);
  call.number("node", reinterpret_cast<uintptr_t>(node)).number("device", static_cast<uint64_t>(pool.device.ordinal));
  return address;
}

CUresult allocate(const char* name, CUdeviceptr* address, size_t bytes, CUmemoryPool from, CUstream stream,
                  bool per_thread) {
  return run(name, [&](Lock&, Call& call) {
    call.number("asked", bytes);
    require_argument(address != nullptr && bytes != 0);
    Stream& in = stream_of(stream, per_thread);
    Pool& pool = from != nullptr ? pool_of(from) : *in.context.device.current_pool;
    *address =
        in.capture != nullptr ? capture_allocation(call, in, pool, bytes) : allocate_in_stream(call, in, pool, bytes);
  });
}

void free_now(uintptr_t address) {
  const Lock lock(driver_mutex());
  const Block* block = find_block_at(address);
  if (block == nullptr) return;
  log_event("freed in its stream", address, block->bytes);
  free_block(*block);
}

CUresult free_in_stream(const char* name, CUdeviceptr address, CUstream stream, bool per_thread) {
  return run(name, [&](Lock& lock, Call& call) {
    call.number("address", address);
    Stream& in = stream_of(stream, per_thread);
    Block* block = find_block_at(address);
    require_argument(block != nullptr && !block->is_freed_in_stream);
    call.number("bytes", block->bytes).text("kind", name_of(block->kind)).number("stream", in.id);
    if (block->kind == Kind::graph) {
      const Task task = [address] { free_graph_block(address); };
      if (Node* node = capture_node(in, CU_GRAPH_NODE_TYPE_MEM_FREE, task); node != nullptr) {
        node->freed = address;
        call.number("graph", node->graph.id);
        return;
      }
      require_argument(block->is_left_by_graph);
      block->is_left_by_graph = false;
      in.enqueue(lock, task);
      return;
    }
    require_argument(block->kind == Kind::async || block->kind == Kind::linear || block->kind == Kind::shared);
    forbid_on_capturing(in);
    block->is_freed_in_stream = true;
    submit(lock, in, CU_GRAPH_NODE_TYPE_MEM_FREE, [address] { free_now(address); });
  });
}

}  // namespace

Pool& pool_of(CUmemoryPool handle) {
  auto* const pool = reinterpret_cast<Pool*>(handle);
  for (int i = 0; i < device_count(); ++i) {
    Device& device = device_of(i);
    if (pool == &device.default_pool) return *pool;
    for (Pool& one : device.pools) {
      if (pool == &one && !one.is_destroyed) return one;
    }
  }
  refuse(CUDA_ERROR_INVALID_VALUE);
}

SIMCUDA_EXPORT CUresult cuMemAllocAsync(CUdeviceptr* address, size_t bytes, CUstream stream) {
  return allocate("cuMemAllocAsync", address, bytes, nullptr, stream, false);
}
SIMCUDA_EXPORT CUresult cuMemAllocAsync_ptsz(CUdeviceptr* address, size_t bytes, CUstream stream) {
  return allocate("cuMemAllocAsync_ptsz", address, bytes, nullptr, stream, true);
}
SIMCUDA_EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr* address, size_t bytes, CUmemoryPool pool,
                                                CUstream stream) {
  return allocate("cuMemAllocFromPoolAsync", address, bytes, pool, stream, false);
}
SIMCUDA_EXPORT CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr* address, size_t bytes, CUmemoryPool pool,
                                                     CUstream stream) {
  return allocate("cuMemAllocFromPoolAsync_ptsz", address, bytes, pool, stream, true);
}
SIMCUDA_EXPORT CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
  return free_in_stream("cuMemFreeAsync", address, stream, false);
}
SIMCUDA_EXPORT CUresult cuMemFreeAsync_ptsz(CUdeviceptr address, CUstream stream) {
  return free_in_stream("cuMemFreeAsync_ptsz", address, stream, true);
}

SIMCUDA_EXPORT CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* properties) {
  return run("cuMemPoolCreate", [&](Lock&, Call& call) {
    require_argument(pool != nullptr && properties != nullptr);
    Pool& made = add_pool(*properties);
    *pool = handle_of(made);
    call.number("pool", reinterpret_cast<uintptr_t>(&made)).text("kind", "pool");
    call.number("device", static_cast<uint64_t>(made.device.ordinal));
  });
}

SIMCUDA_EXPORT CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  return run("cuMemPoolDestroy", [&](Lock&, Call& call) {
    Pool& gone = pool_of(pool);
    call.number("pool", reinterpret_cast<uintptr_t>(&gone));
    require_argument(!gone.is_default);
    gone.is_destroyed = true;
    forget_as_current(gone);
    if (gone.is_imported()) close(gone.imported_file);
  });
}

// All of a pool's unused memory is the device's already.
SIMCUDA_EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t kept) {
  return run("cuMemPoolTrimTo", [&](Lock&, Call& call) {
    call.number("pool", reinterpret_cast<uintptr_t>(&pool_of(pool))).number("bytes", kept);
  });
}

SIMCUDA_EXPORT CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void* value) {
  return run("cuMemPoolSetAttribute", [&](Lock&, Call& call) {
    Pool& of = pool_of(pool);
    require_argument(value != nullptr);
    call.number("pool", reinterpret_cast<uintptr_t>(&of)).number("attribute", attribute);
    if (attribute == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD) {
      of.release_threshold = *static_cast<cuuint64_t*>(value);
    } else if (attribute == CU_MEMPOOL_ATTR_USED_MEM_HIGH || attribute == CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH) {
      require_argument(*static_cast<cuuint64_t*>(value) == 0);
      of.used_high_bytes = of.used_bytes;
    } else if (attribute <= CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES) {
      of.reuse_settings.at(attribute) = *static_cast<int*>(value);
    } else {
      refuse(CUDA_ERROR_INVALID_VALUE);
    }
  });
}

SIMCUDA_EXPORT CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void* value) {
  return run("cuMemPoolGetAttribute", [&](Lock&, Call&) {
    const Pool& of = pool_of(pool);
    require_argument(value != nullptr);
    auto* const bytes = static_cast<cuuint64_t*>(value);
    switch (attribute) {
      case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
        *bytes = of.release_threshold;
        break;
      case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
      case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
        *bytes = of.used_bytes;
        break;
      case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
      case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
        *bytes = of.used_high_bytes;
        break;
      default:
        require_argument(attribute <= CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES);
        *static_cast<int*>(value) = of.reuse_settings.at(attribute);
    }
  });
}

SIMCUDA_EXPORT CUresult cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc*, size_t) {
  return run("cuMemPoolSetAccess", [&](Lock&, Call&) { pool_of(pool); });
}
SIMCUDA_EXPORT CUresult cuMemPoolGetAccess(CUmemAccess_flags* flags, CUmemoryPool pool, CUmemLocation* location) {
  return run("cuMemPoolGetAccess", [&](Lock&, Call&) {
    require_argument(flags != nullptr && location != nullptr);
    pool_of(pool);
    *flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  });
}

}  // namespace simcuda

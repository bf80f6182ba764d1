// Places that have pools, a device above all: each has a default pool and a current one, which the program may choose.
#include <tuple>

#include "pools.h"

namespace simcuda {
namespace {

// Allocation type, location type, device or NUMA node.
using Place = std::tuple<CUmemAllocationType, CUmemLocationType, int>;

struct Pools {
  Pool* default_pool;
  Pool* current;
};
// Of places other than pinned memory of a device, made when they are asked for.
std::map<Place, Pools>& other_pools() {
  static auto* const all = new std::map<Place, Pools>;
  return *all;
}

bool is_device_pinned(const CUmemLocation& location, CUmemAllocationType type) {
  return location.type == CU_MEM_LOCATION_TYPE_DEVICE && type == CU_MEM_ALLOCATION_TYPE_PINNED;
}

void require_place(const CUmemLocation& location, CUmemAllocationType type) {
  require_argument(type == CU_MEM_ALLOCATION_TYPE_PINNED || type == CU_MEM_ALLOCATION_TYPE_MANAGED);
  switch (location.type) {
    case CU_MEM_LOCATION_TYPE_DEVICE:
      device_of(location.id);
      return;
    case CU_MEM_LOCATION_TYPE_HOST:
    case CU_MEM_LOCATION_TYPE_HOST_NUMA:
      return;
    default:
      require_argument(location.type == CU_MEM_LOCATION_TYPE_NONE && type == CU_MEM_ALLOCATION_TYPE_MANAGED);
  }
}

Place place_of(const CUmemLocation& location, CUmemAllocationType type) {
  const bool has_id = location.type == CU_MEM_LOCATION_TYPE_DEVICE || location.type == CU_MEM_LOCATION_TYPE_HOST_NUMA;
  return {type, location.type, has_id ? location.id : 0};
}

Pools& other_pools_at(const CUmemLocation& location, CUmemAllocationType type) {
  Pools& pools = other_pools()[place_of(location, type)];
  if (pools.default_pool == nullptr) {
    CUmemPoolProps properties{};
    properties.allocType = type;
    properties.location = location;
    Pool& made = add_pool(properties);
    made.is_default = true;
    pools = {&made, &made};
  }
  return pools;
}

CUresult get_pool(const char* name, CUmemoryPool* pool, const CUmemLocation* location, CUmemAllocationType type,
                  bool is_default) {
  return run(name, [&](Lock&, Call&) {
    require_argument(pool != nullptr && location != nullptr);
    require_place(*location, type);
    if (is_device_pinned(*location, type)) {
      Device& device = device_of(location->id);
      *pool = handle_of(is_default ? device.default_pool : *device.current_pool);
    } else {
      const Pools& pools = other_pools_at(*location, type);
      *pool = handle_of(is_default ? *pools.default_pool : *pools.current);
    }
  });
}

CUresult set_pool(const char* name, const CUmemLocation& location, CUmemAllocationType type, CUmemoryPool pool) {
  return run(name, [&](Lock&, Call& call) {
    Pool& chosen = pool_of(pool);
    call.number("pool", reinterpret_cast<uintptr_t>(&chosen)).number("device", static_cast<uint64_t>(location.id));
    require_place(location, type);
    const CUmemPoolProps& properties = chosen.properties;
    require_argument(!chosen.is_imported());
    require_argument(place_of(properties.location, properties.allocType) == place_of(location, type));
    if (is_device_pinned(location, type)) {
      device_of(location.id).current_pool = &chosen;
    } else {
      other_pools_at(location, type).current = &chosen;
    }
  });
}

CUmemLocation location_of(CUdevice device) { return {CU_MEM_LOCATION_TYPE_DEVICE, {device}}; }

}  // namespace

Pool& add_pool(const CUmemPoolProps& properties) {
  require_place(properties.location, properties.allocType);
  const bool on_device = properties.location.type == CU_MEM_LOCATION_TYPE_DEVICE;
  Device& device = device_of(on_device ? properties.location.id : 0);
  Pool& made = device.pools.emplace_back(Pool{device});
  made.properties = properties;
  return made;
}

void forget_as_current(const Pool& pool) {
  if (pool.device.current_pool == &pool) pool.device.current_pool = &pool.device.default_pool;
  for (auto& [place, pools] : other_pools()) {
    if (pools.current == &pool) pools.current = pools.default_pool;
  }
}

SIMCUDA_EXPORT CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool, CUdevice device) {
  const CUmemLocation location = location_of(device);
  return get_pool("cuDeviceGetDefaultMemPool", pool, &location, CU_MEM_ALLOCATION_TYPE_PINNED, /*is_default=*/true);
}
SIMCUDA_EXPORT CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice device) {
  const CUmemLocation location = location_of(device);
  return get_pool("cuDeviceGetMemPool", pool, &location, CU_MEM_ALLOCATION_TYPE_PINNED, /*is_default=*/false);
}
SIMCUDA_EXPORT CUresult cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool) {
  return set_pool("cuDeviceSetMemPool", location_of(device), CU_MEM_ALLOCATION_TYPE_PINNED, pool);
}

SIMCUDA_EXPORT CUresult cuMemGetDefaultMemPool(CUmemoryPool* pool, CUmemLocation* location, CUmemAllocationType type) {
  return get_pool("cuMemGetDefaultMemPool", pool, location, type, /*is_default=*/true);
}
SIMCUDA_EXPORT CUresult cuMemGetMemPool(CUmemoryPool* pool, CUmemLocation* location, CUmemAllocationType type) {
  return get_pool("cuMemGetMemPool", pool, location, type, /*is_default=*/false);
}
SIMCUDA_EXPORT CUresult cuMemSetMemPool(CUmemLocation* location, CUmemAllocationType type, CUmemoryPool pool) {
  if (location == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_pool("cuMemSetMemPool", *location, type, pool);
}

}  // namespace simcuda

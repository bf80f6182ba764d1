#include "cuda/handlers_copy.h"

#include "cuda/call_names.h"

namespace weir::cuda {
namespace {

HostMemory guarded_host_memory_at(const void* address) {
  const core::Guard guard;
  return host_memory_at(reinterpret_cast<uint64_t>(address));
}

}  // namespace

CopyEnds ends_of_unified(Address to, Address from) {
  const core::Guard guard;
  HostMemory to_memory, from_memory;
  const bool to_device = is_device_address(to, &to_memory);
  const bool from_device = is_device_address(from, &from_memory);
  if (to_device && from_device) return kOnDevice;
  if (to_device) return {Direction::host_to_device, from_memory};
  if (from_device) return {Direction::device_to_host, to_memory};
  return {Direction::host_to_host, from_memory};
}

CopyEnds to_device_from(const void* host) { return {Direction::host_to_device, guarded_host_memory_at(host)}; }

CopyEnds to_host(const void* host) { return {Direction::device_to_host, guarded_host_memory_at(host)}; }

void note_transfer(const Call& call, bool is_synchronous, CopyEnds ends, uint64_t bytes, uint64_t cycles) {
  const Origin origin = origin_of(call);
  const core::Guard guard;
  call_name_of(origin.stack, call.entry);  // while the modules are there
  count_transfer({origin.stack, static_cast<uint16_t>(call.entry), ends.direction, ends.host_memory, is_synchronous},
                 bytes, cycles);
}

}  // namespace weir::cuda

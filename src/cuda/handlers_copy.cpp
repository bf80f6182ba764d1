#include "cuda/handlers_copy.h"

#include "cuda/call_names.h"

namespace weir::cuda {
namespace {

HostMemory guarded_host_memory_at(const void* address) {
  const core::Guard guard;
  return host_memory_at(reinterpret_cast<uint64_t>(address));
}

void count(const Call& call, const Origin& origin, bool is_synchronous, CopyEnds ends, uint64_t bytes,
           uint64_t cycles) {
  count_transfer({origin.stack, static_cast<uint16_t>(call.entry), ends.direction, ends.host_memory, is_synchronous},
                 bytes, cycles);
}

CopyEnds unified_ends(Address to, Address from) {
  HostMemory to_memory, from_memory;
  const bool to_device = is_device_address(to, &to_memory);
  const bool from_device = is_device_address(from, &from_memory);
  if (to_device && from_device) return kOnDevice;
  if (to_device) return {Direction::host_to_device, from_memory};
  if (from_device) return {Direction::device_to_host, to_memory};
  return {Direction::host_to_host, from_memory};
}

}  // namespace

CopyEnds ends_of_unified(Address to, Address from) {
  const core::Guard guard;
  return unified_ends(to, from);
}

CopyEnds to_device_from(const void* host) { return {Direction::host_to_device, guarded_host_memory_at(host)}; }

CopyEnds to_host(const void* host) { return {Direction::device_to_host, guarded_host_memory_at(host)}; }

void note_transfer(const Call& call, bool is_synchronous, CopyEnds ends, uint64_t bytes, uint64_t cycles) {
  if (!tracks_anything()) return;
  const Origin origin = origin_of(call);
  const core::Guard guard;
  call_name_of(origin.stack, call.entry);  // while the modules are there
  count(call, origin, is_synchronous, ends, bytes, cycles);
}

// A pitch of 0 is that of rows without gaps.
HostRange range_of_shape(const ShapeEnd& end, const ShapeBox& box) {
  if (end.type != kMemoryHost && end.type != kMemoryUnified) return {};
  if (box.width_bytes == 0 || box.height == 0 || box.depth == 0) return {};
  const uint64_t start = end.type == kMemoryHost ? reinterpret_cast<uint64_t>(end.host) : end.device;
  const uint64_t pitch = end.pitch != 0 ? end.pitch : box.width_bytes;
  const uint64_t slice = pitch * (end.rows != 0 ? end.rows : box.height);
  const uint64_t bytes = (box.depth - 1) * slice + (box.height - 1) * pitch + box.width_bytes;
  return {start + end.z * slice + end.y * pitch + end.x, bytes};
}

void reject_host_pins_of_batch(const Call& call, const Address* to, const Address* from, const size_t* sizes,
                               size_t count_of_copies) {
  if (!pool::has_host_pins() || to == nullptr || from == nullptr || sizes == nullptr) return;
  for (size_t i = 0; i < count_of_copies; ++i) {
    if (sizes[i] == 0) continue;
    pool::reject_host_pins(call, {to[i], sizes[i]});
    pool::reject_host_pins(call, {from[i], sizes[i]});
  }
}

void note_batch(const Call& call, const Address* to, const Address* from, const size_t* sizes, size_t count_of_copies) {
  if (!tracks_anything()) return;
  const Origin origin = origin_of(call);
  const core::Guard guard;
  call_name_of(origin.stack, call.entry);
  for (size_t i = 0; i < count_of_copies; ++i) count(call, origin, false, unified_ends(to[i], from[i]), sizes[i], 0);
}

}  // namespace weir::cuda

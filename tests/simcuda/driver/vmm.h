// Memory without an address of its own, and what else such a handle can be of.
#pragma once

#include "context.h"

namespace simcuda {

constexpr size_t kMemoryGranularity = size_t{2} << 20;

struct Memory;

// A part of a device's memory that a multicast object reaches.
struct Binding {
  const Device* device;
  size_t offset, bytes;  // in the object
  Memory* memory;
};

// What makes of a handle a multicast object. Its mappings are memory of their own here: what is written there is not passed on.
struct Multicast {
  size_t wanted_devices;
  std::set<const Device*> devices = {};
  std::vector<Binding> bindings = {};
  bool is_complete() const { return devices.size() == wanted_devices; }
};

// The handle of one is its address.
struct Memory {
  int file;
  size_t bytes;
  Device& device;
  CUmemAllocationProp properties;
  uint64_t handles = 1;  // cuMemRetainAllocationHandle() adds one
  uint64_t uses = 0;     // mappings and bindings: it is gone with the last of both
  uintptr_t part = 0;    // of the device's own file, by the address that it has there; 0: it has a file of its own
  std::unique_ptr<Multicast> multicast = {};
};
inline CUmemGenericAllocationHandle handle_of(const Memory& memory) { return reinterpret_cast<uintptr_t>(&memory); }

Memory& memory_of(CUmemGenericAllocationHandle handle);

// A new file of so many bytes. Refuses where there can be none.
int make_memory_file(size_t bytes);
Memory& add_memory(int file, size_t bytes, Device& device, const CUmemAllocationProp& properties);
void drop_where_unused(Memory& memory);

// What is mapped at an address, and where in it that is.
struct Mapped {
  Memory& memory;
  size_t offset, bytes;  // from the address on
};
Mapped mapped_at(uintptr_t address);
// Whether there is memory at all of these addresses.
bool is_mapped(uintptr_t address, size_t bytes);

}  // namespace simcuda

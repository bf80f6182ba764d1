// What the versions of a function that allocates, frees or asks have in common. Each is an exported function but for its name.
#pragma once

#include "block.h"

namespace simcuda {

struct Request {
  size_t bytes, taken_bytes;  // as asked; with what a pitch adds
};

struct Rows {
  size_t bytes, count;
  unsigned element_bytes;
};

CUresult allocate(const char* name, CUdeviceptr* address, const Request& request, Kind kind, AddressWidth width);
CUresult allocate(const char* name, CUdeviceptr* address, size_t bytes, Kind kind, AddressWidth width);
CUresult allocate_pitched(const char* name, CUdeviceptr* address, size_t* pitch, const Rows& rows, AddressWidth width);
CUresult allocate_host(const char* name, void** address, size_t bytes, unsigned flags);

// Waits for the work that might use it, as a device's free does; where that of the current context failed it gives the error and frees
// nothing.
CUresult free_device(const char* name, CUdeviceptr address);

CUresult device_pointer_of_host(const char* name, CUdeviceptr* address, const void* host, unsigned flags,
                                AddressWidth width);
CUresult memory_info(const char* name, size_t* free_bytes, size_t* total_bytes);
CUresult address_range(const char* name, CUdeviceptr* base, size_t* bytes, CUdeviceptr address);

}  // namespace simcuda

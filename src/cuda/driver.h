// The driver that the program has loaded: where its own functions lie, and the few that Weir calls itself. libcuda is never linked and
// never loaded by Weir.
//
// Any thread. Nothing here holds a lock while a function of the driver runs.
#pragma once

#include <type_traits>

#include "cuda/driver_types.h"
#include "cuda/entry_points.h"

namespace weir::cuda {

// Functions of the driver's that Weir itself calls: questions about what it has seen, and what its pools need. X(member, name, type)
#define WEIR_CUDA_QUERIES(X)                                                                                      \
  X(get_current_context, cuCtxGetCurrent, Result(Context*))                                                       \
  X(get_device, cuCtxGetDevice, Result(Device*))                                                                  \
  X(get_primary_state, cuDevicePrimaryCtxGetState, Result(Device, unsigned* flags, int* active))                  \
  X(retain_primary, cuDevicePrimaryCtxRetain, Result(Context*, Device))                                           \
  X(release_primary, cuDevicePrimaryCtxRelease_v2, Result(Device))                                                \
  X(get_memory_info, cuMemGetInfo_v2, Result(size_t* free, size_t* total))                                        \
  X(get_address_range, cuMemGetAddressRange_v2, Result(Address* start, size_t* bytes, Address))                   \
  X(get_pointer_attribute, cuPointerGetAttribute, Result(void*, int attribute, Address))                          \
  X(get_capture, cuStreamGetCaptureInfo_v2,                                                                       \
    Result(Stream, int* status, uint64_t* id, Graph*, const GraphNode** last, size_t* last_count))                \
  X(get_capture_with_edges, cuStreamGetCaptureInfo_v3,                                                            \
    Result(Stream, int* status, uint64_t* id, Graph*, const GraphNode** last, const void** edges, size_t* count)) \
  X(get_stream_context, cuStreamGetCtx, Result(Stream, Context*))                                                 \
  X(get_stream_contexts, cuStreamGetCtx_v2, Result(Stream, Context*, GreenContext*))                              \
  X(exchange_capture_mode, cuThreadExchangeStreamCaptureMode, Result(int* mode))                                  \
  X(get_device_name, cuDeviceGetName, Result(char*, int, Device))                                                 \
  X(get_device_count, cuDeviceGetCount, Result(int*))                                                             \
  X(get_device_attribute, cuDeviceGetAttribute, Result(int*, int attribute, Device))                              \
  X(push_context, cuCtxPushCurrent_v2, Result(Context))                                                           \
  X(pop_context, cuCtxPopCurrent_v2, Result(Context*))                                                            \
  X(synchronise_context, cuCtxSynchronize, Result())                                                              \
  X(record_context, cuCtxRecordEvent, Result(Context, Event))                                                     \
  X(create_event, cuEventCreate, Result(Event*, unsigned flags))                                                  \
  X(query_event, cuEventQuery, Result(Event))                                                                     \
  X(record_event, cuEventRecord, Result(Event, Stream))                                                           \
  X(destroy_event, cuEventDestroy_v2, Result(Event))                                                              \
  X(wait_for_event, cuEventSynchronize, Result(Event))                                                            \
  X(get_memory_granule, cuMemGetAllocationGranularity, Result(size_t*, const VmmProperties*, int which))          \
  X(create_memory, cuMemCreate, Result(VmmHandle*, size_t, const VmmProperties*, Flags64))                        \
  X(release_memory, cuMemRelease, Result(VmmHandle))                                                              \
  X(reserve_addresses, cuMemAddressReserve, Result(Address*, size_t, size_t alignment, Address, Flags64))         \
  X(free_addresses, cuMemAddressFree, Result(Address, size_t))                                                    \
  X(map_memory, cuMemMap, Result(Address, size_t, size_t offset, VmmHandle, Flags64))                             \
  X(unmap_memory, cuMemUnmap, Result(Address, size_t))                                                            \
  X(set_access, cuMemSetAccess, Result(Address, size_t, const VmmAccess*, size_t count))

// A driver may lack any of them: the pointer is then nullptr.
struct DriverQueries {
#define WEIR_CUDA_QUERY(member, name, ...) std::add_pointer_t<__VA_ARGS__> member;
  WEIR_CUDA_QUERIES(WEIR_CUDA_QUERY)
#undef WEIR_CUDA_QUERY
};

// Looks for the driver where it is not known yet, or no longer where it was. False where the program has loaded none. Cost where
// nothing changed: one look-up of an address by the loader's lock-free table.
bool bind_driver();

bool driver_was_bound();

// Called where another driver is found than the one before, which the program has unloaded: its contexts and its memory are gone. Takes no
// lock that is held while the loader or the driver is called. Once, at the process's start.
void set_driver_replaced(void (*forget)());

// In a forked child: the lock of the binding is free.
void driver_reset_after_fork();

// Whether a library of that name (DT_SONAME) is the driver.
bool is_driver_name(const char* soname);

// nullptr where there is no driver, or it lacks the function.
void* driver_function(Entry entry);
const DriverQueries& driver_queries();

// Calls the driver's own function of that entry, whatever stands before it; its type is Signature (signatures.h). A driver that lacks it:
// invalid_value. The thread must be marked as being in the driver (InDriver).
template <class Signature, class... Arguments>
Result call_driver_function(Entry entry, Arguments... arguments) {
  const auto function = reinterpret_cast<Signature*>(driver_function(entry));
  return function == nullptr ? Result::invalid_value : function(arguments...);
}

// How another library's definition behind Weir's own export of a name is found, one that stands before the driver; nullptr where there
// is none. Called once for each entry, from any place where a program may call the driver: it must not ask the loader, whose lock
// another thread may hold while it waits for this one, and whose dlerror() is the program's. Once, at the process's start.
void set_interposer_source(void* (*find)(const char* name));

// What the export of that name forwards to: another library's definition, or the driver's; nullptr where there is neither. Cost: that of
// bind_driver().
void* function_behind_export(Entry entry);

// The entry whose function begins at that address of the driver's; Entry::count where none does.
Entry entry_at(const void* function);

// For tests without a loaded libcuda.so.1: `find` tells where a name's function is.
void bind_driver_to(void* (*find)(const char* name));

}  // namespace weir::cuda

// What has a handle: physical memory and its mappings, arrays, external memory, multicast objects, modules, contexts.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <initializer_list>

#include "calls.h"

namespace memory_calls {
namespace {

constexpr size_t kGranule = size_t{2} << 20;
constexpr auto kFile = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;

CUmemGenericAllocationHandle make_memory(int device, size_t bytes) {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  CUmemGenericAllocationHandle handle = 0;
  EXPECT_OK(driver.cuMemCreate(&handle, bytes, &properties, 0));
  return handle;
}

CUdeviceptr reserve(size_t bytes) {
  CUdeviceptr address = 0;
  EXPECT_OK(driver.cuMemAddressReserve(&address, bytes, 0, 0, 0));
  return address;
}

void walk_imported_memory(CUmemGenericAllocationHandle memory) {
  int file = -1;
  CUmemGenericAllocationHandle imported = 0;
  EXPECT_OK(driver.cuMemExportToShareableHandle(&file, memory, kFile, 0));
  EXPECT_INVALID(driver.cuMemExportToShareableHandle(nullptr, memory, kFile, 0));
  void* const handle = reinterpret_cast<void*>(static_cast<intptr_t>(file));
  EXPECT_OK(driver.cuMemImportFromShareableHandle(&imported, handle, kFile));
  EXPECT_INVALID(driver.cuMemImportFromShareableHandle(nullptr, handle, kFile));
  close(file);
  EXPECT_OK(driver.cuMemRelease(imported));
}

CUDA_ARRAY3D_DESCRIPTOR box(size_t width, unsigned flags) { return {width, 8, 4, CU_AD_FORMAT_FLOAT, 2, flags}; }

void map_into(CUarray array) {
  const CUmemGenericAllocationHandle memory = make_memory(0, kGranule);
  CUarrayMapInfo info{};
  info.resourceType = CU_RESOURCE_TYPE_ARRAY;
  info.resource.array = array;
  info.memOperationType = CU_MEM_OPERATION_TYPE_MAP;
  info.memHandleType = CU_MEM_HANDLE_TYPE_GENERIC;
  info.memHandle.memHandle = memory;
  EXPECT_BOTH_OK(cuMemMapArrayAsync, _ptsz, &info, 1, nullptr);
  EXPECT_INVALID(driver.cuMemMapArrayAsync(&info, 0, nullptr));
  EXPECT_INVALID(driver.cuMemMapArrayAsync_ptsz(nullptr, 1, nullptr));
  EXPECT_OK(driver.cuMemRelease(memory));
}

CUcontext make_context(int device) {
  CUcontext context = nullptr;
  EXPECT_OK(driver.cuCtxCreate_v2(&context, 0, device));
  return context;
}

// Some of each kind, which the end of the context frees.
void leave_memory() {
  static char own[2][4096];
  static int used = 0;
  CUdeviceptr address = 0;
  void* host = nullptr;
  CUarray array = nullptr;
  CUmodule module = nullptr;
  const CUDA_ARRAY_DESCRIPTOR shape{64, 8, CU_AD_FORMAT_UNSIGNED_INT8, 4};
  EXPECT_OK(driver.cuMemAlloc_v2(&address, 7000));
  EXPECT_OK(driver.cuMemAllocManaged(&address, 800, CU_MEM_ATTACH_GLOBAL));
  EXPECT_OK(driver.cuMemHostAlloc(&host, 900, 0));
  EXPECT_OK(driver.cuMemAllocAsync(&address, 1000, nullptr));
  EXPECT_OK(driver.cuArrayCreate_v2(&array, &shape));
  EXPECT_OK(driver.cuModuleLoadData(&module, ""));
  EXPECT_OK(driver.cuModuleGetGlobal_v2(&address, nullptr, module, "variable"));
  EXPECT_OK(driver.cuMemHostRegister_v2(own[used++ % 2], sizeof own[0], 0));
}

void walk_primary_context(int device) {
  CUcontext main = nullptr, primary = nullptr;
  EXPECT_INVALID(driver.cuDevicePrimaryCtxRetain(nullptr, device));
  for (const auto release : {driver.cuDevicePrimaryCtxRelease, driver.cuDevicePrimaryCtxRelease_v2,
                             driver.cuDevicePrimaryCtxReset, driver.cuDevicePrimaryCtxReset_v2}) {
    EXPECT_OK(driver.cuDevicePrimaryCtxRetain(&primary, device));
    main = primary;
    EXPECT_OK(driver.cuCtxSetCurrent(main));
    leave_memory();
    EXPECT_OK(release(device));
  }
  // Resetting keeps the two retentions.
  EXPECT_OK(driver.cuDevicePrimaryCtxRelease(device));
  EXPECT_OK(driver.cuDevicePrimaryCtxRelease_v2(device));
  EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, driver.cuDevicePrimaryCtxRelease(device));
  EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, driver.cuDevicePrimaryCtxRelease_v2(device));
  EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, driver.cuDevicePrimaryCtxReset(9));
  EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, driver.cuDevicePrimaryCtxReset_v2(9));
  EXPECT_OK(driver.cuCtxSetCurrent(nullptr));
}

void walk_green_context(int device) {
  CUdevResource resource;
  CUdevResourceDesc description = nullptr;
  CUgreenCtx green = nullptr;
  CUcontext primary = nullptr;
  CUstream stream = nullptr;
  EXPECT_OK(driver.cuDeviceGetDevResource(device, &resource, CU_DEV_RESOURCE_TYPE_SM));
  EXPECT_OK(driver.cuDevResourceGenerateDesc(&description, &resource, 1));
  EXPECT_OK(driver.cuDevicePrimaryCtxRetain(&primary, device));
  EXPECT_OK(driver.cuGreenCtxCreate(&green, description, device, CU_GREEN_CTX_DEFAULT_STREAM));
  EXPECT_INVALID(driver.cuGreenCtxCreate(nullptr, description, device, CU_GREEN_CTX_DEFAULT_STREAM));
  EXPECT_OK(driver.cuGreenCtxStreamCreate(&stream, green, CU_STREAM_NON_BLOCKING, 0));
  EXPECT_INVALID(driver.cuGreenCtxStreamCreate(nullptr, green, CU_STREAM_NON_BLOCKING, 0));
  EXPECT_OK(driver.cuCtxSetCurrent(primary));
  leave_memory();
  EXPECT_OK(driver.cuGreenCtxDestroy(green));
  EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, driver.cuGreenCtxDestroy(nullptr));
  EXPECT_OK(driver.cuDevicePrimaryCtxRelease_v2(device));
  EXPECT_OK(driver.cuCtxSetCurrent(nullptr));
}

}  // namespace

void walk_virtual_memory() {
  const CUmemGenericAllocationHandle memory = make_memory(1, 2 * kGranule), left = make_memory(0, kGranule);
  CUmemGenericAllocationHandle again = 0, none = 0;
  CUdeviceptr refused = 0;
  const CUdeviceptr start = reserve(4 * kGranule), left_range = reserve(kGranule);
  const CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, {1}}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
  EXPECT_INVALID(driver.cuMemCreate(&none, kGranule, nullptr, 0));
  EXPECT_INVALID(driver.cuMemAddressReserve(&refused, 1, 0, 0, 0));
  EXPECT_OK(driver.cuMemMap(start, kGranule, 0, memory, 0));
  EXPECT_OK(driver.cuMemMap(start + kGranule, 2 * kGranule, 0, memory, 0));
  EXPECT_OK(driver.cuMemMap(left_range, kGranule, 0, left, 0));
  EXPECT_INVALID(driver.cuMemMap(start, kGranule, 0, memory, 0));
  EXPECT_OK(driver.cuMemSetAccess(start, 3 * kGranule, &access, 1));
  EXPECT_INVALID(driver.cuMemSetAccess(start, kGranule, nullptr, 1));
  EXPECT_OK(driver.cuMemRetainAllocationHandle(&again, pointer(start)));
  EXPECT_INVALID(driver.cuMemRetainAllocationHandle(&none, nullptr));
  walk_imported_memory(memory);
  EXPECT_OK(driver.cuMemRelease(again));
  EXPECT_OK(driver.cuMemRelease(memory));
  EXPECT_INVALID(driver.cuMemRelease(memory));
  EXPECT_INVALID(driver.cuMemAddressFree(start, 4 * kGranule));
  EXPECT_OK(driver.cuMemUnmap(start, 3 * kGranule));  // both mappings
  EXPECT_INVALID(driver.cuMemUnmap(start, kGranule));
  EXPECT_OK(driver.cuMemAddressFree(start, 4 * kGranule));
}

void walk_arrays() {
  CUarray one = nullptr, two = nullptr, three = nullptr, four = nullptr, sparse = nullptr, left = nullptr;
  CUmipmappedArray mipmapped = nullptr;
  const CUDA_ARRAY_DESCRIPTOR_v1 old{64, 8, CU_AD_FORMAT_UNSIGNED_INT8, 1};
  const CUDA_ARRAY_DESCRIPTOR flat{100, 10, CU_AD_FORMAT_HALF, 4};
  const CUDA_ARRAY3D_DESCRIPTOR_v1 old_box{32, 4, 2, CU_AD_FORMAT_FLOAT, 1, 0};
  const CUDA_ARRAY3D_DESCRIPTOR deep = box(64, 0), without_memory = box(64, CUDA_ARRAY3D_SPARSE);
  EXPECT_OK(driver.cuArrayCreate(&one, &old));
  EXPECT_OK(driver.cuArrayCreate_v2(&two, &flat));
  EXPECT_OK(driver.cuArray3DCreate(&three, &old_box));
  EXPECT_OK(driver.cuArray3DCreate_v2(&four, &deep));
  EXPECT_OK(driver.cuArray3DCreate_v2(&sparse, &without_memory));
  EXPECT_OK(driver.cuArrayCreate_v2(&left, &flat));
  EXPECT_INVALID(driver.cuArrayCreate(&one, nullptr));
  EXPECT_INVALID(driver.cuArrayCreate_v2(nullptr, &flat));
  EXPECT_INVALID(driver.cuArray3DCreate(&one, nullptr));
  EXPECT_INVALID(driver.cuArray3DCreate_v2(&one, nullptr));
  map_into(sparse);
  for (CUarray array : {one, two, three, four, sparse}) EXPECT_OK(driver.cuArrayDestroy(array));
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuArrayDestroy(one));
  EXPECT_OK(driver.cuMipmappedArrayCreate(&mipmapped, &deep, 4));
  EXPECT_OK(driver.cuMipmappedArrayDestroy(mipmapped));
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuMipmappedArrayDestroy(mipmapped));
  EXPECT_INVALID(driver.cuMipmappedArrayCreate(&mipmapped, &deep, 0));
}

void walk_external() {
  constexpr size_t kBytes = 1 << 16;
  const int file = memfd_create("external", MFD_CLOEXEC), left_file = memfd_create("external", MFD_CLOEXEC);
  if (ftruncate(file, kBytes) != 0 || ftruncate(left_file, kBytes) != 0) return;
  CUexternalMemory memory = nullptr, left = nullptr;
  CUDA_EXTERNAL_MEMORY_HANDLE_DESC description{};
  description.type = CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD;
  description.handle.fd = file;
  description.size = kBytes;
  EXPECT_OK(driver.cuImportExternalMemory(&memory, &description));
  description.handle.fd = left_file;
  EXPECT_OK(driver.cuImportExternalMemory(&left, &description));
  EXPECT_INVALID(driver.cuImportExternalMemory(&memory, nullptr));
  CUDA_EXTERNAL_MEMORY_BUFFER_DESC part{};
  part.offset = 4096;
  part.size = 8192;
  CUdeviceptr one = 0, two = 0;
  EXPECT_OK(driver.cuExternalMemoryGetMappedBuffer(&one, memory, &part));
  EXPECT_OK(driver.cuExternalMemoryGetMappedBuffer(&two, left, &part));
  EXPECT_INVALID(driver.cuExternalMemoryGetMappedBuffer(&one, memory, nullptr));
  // The simulated driver does not do this.
  CUmipmappedArray array = nullptr;
  const CUDA_EXTERNAL_MEMORY_MIPMAPPED_ARRAY_DESC shape{};
  EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED, driver.cuExternalMemoryGetMappedMipmappedArray(&array, memory, &shape));
  EXPECT_OK(driver.cuMemFree_v2(one));
  EXPECT_OK(driver.cuDestroyExternalMemory(memory));
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuDestroyExternalMemory(memory));
  EXPECT_BOTH_OK(cuGraphicsMapResources, _ptsz, 0, nullptr, nullptr);
  EXPECT_BOTH_OK(cuGraphicsUnmapResources, _ptsz, 0, nullptr, nullptr);
  EXPECT_INVALID(driver.cuGraphicsMapResources(1, nullptr, nullptr));
}

void walk_multicast() {
  CUmulticastObjectProp properties{};
  properties.numDevices = 2;
  properties.size = 2 * kGranule;
  CUmemGenericAllocationHandle object = 0, left = 0;
  const CUmemGenericAllocationHandle one = make_memory(0, kGranule), two = make_memory(1, kGranule);
  const CUdeviceptr address = reserve(kGranule);
  EXPECT_OK(driver.cuMulticastCreate(&object, &properties));
  EXPECT_OK(driver.cuMulticastCreate(&left, &properties));
  EXPECT_INVALID(driver.cuMulticastCreate(&object, nullptr));
  EXPECT_OK(driver.cuMulticastAddDevice(object, 0));
  EXPECT_OK(driver.cuMulticastAddDevice(object, 1));
  EXPECT_INVALID(driver.cuMulticastAddDevice(object, 1));
  EXPECT_OK(driver.cuMemMap(address, kGranule, 0, two, 0));
  EXPECT_OK(driver.cuMulticastBindMem(object, 0, one, 0, kGranule, 0));
  EXPECT_OK(driver.cuMulticastBindAddr(object, kGranule, address, kGranule, 0));
  EXPECT_INVALID(driver.cuMulticastBindMem(object, 0, one, 0, kGranule, 1));
  EXPECT_INVALID(driver.cuMulticastBindAddr(object, kGranule, 0, kGranule, 0));
  EXPECT_OK(driver.cuMulticastUnbind(object, 0, 0, kGranule));
  EXPECT_OK(driver.cuMulticastUnbind(object, 1, kGranule, kGranule));
  EXPECT_INVALID(driver.cuMulticastUnbind(object, 1, kGranule, kGranule));
  EXPECT_OK(driver.cuMemUnmap(address, kGranule));
  EXPECT_OK(driver.cuMemAddressFree(address, kGranule));
  for (CUmemGenericAllocationHandle handle : {one, two, object}) EXPECT_OK(driver.cuMemRelease(handle));
}

void walk_modules() {
  constexpr const char kFileName[] = "/proc/self/exe", kNoFile[] = "/nowhere";
  CUmodule modules[4] = {}, left = nullptr, none = nullptr;
  CUlibrary libraries[2] = {}, no_library = nullptr;
  CUdeviceptr_v1 narrow = 0;
  CUdeviceptr address = 0;
  unsigned narrow_bytes = 0;
  size_t bytes = 0;
  EXPECT_OK(driver.cuModuleLoad(&modules[0], kFileName));
  EXPECT_OK(driver.cuModuleLoadData(&modules[1], ""));
  EXPECT_OK(driver.cuModuleLoadDataEx(&modules[2], "", 0, nullptr, nullptr));
  EXPECT_OK(driver.cuModuleLoadFatBinary(&modules[3], ""));
  EXPECT_OK(driver.cuModuleLoadData(&left, ""));
  EXPECT_RESULT(CUDA_ERROR_FILE_NOT_FOUND, driver.cuModuleLoad(&none, kNoFile));
  EXPECT_INVALID(driver.cuModuleLoadData(nullptr, ""));
  EXPECT_INVALID(driver.cuModuleLoadDataEx(nullptr, "", 0, nullptr, nullptr));
  EXPECT_INVALID(driver.cuModuleLoadFatBinary(nullptr, ""));
  EXPECT_OK(driver.cuLibraryLoadData(&libraries[0], "", nullptr, nullptr, 0, nullptr, nullptr, 0));
  EXPECT_OK(driver.cuLibraryLoadFromFile(&libraries[1], kFileName, nullptr, nullptr, 0, nullptr, nullptr, 0));
  EXPECT_INVALID(driver.cuLibraryLoadData(nullptr, "", nullptr, nullptr, 0, nullptr, nullptr, 0));
  EXPECT_RESULT(CUDA_ERROR_FILE_NOT_FOUND,
                driver.cuLibraryLoadFromFile(&no_library, kNoFile, nullptr, nullptr, 0, nullptr, nullptr, 0));
  EXPECT_OK(driver.cuModuleGetGlobal(&narrow, &narrow_bytes, modules[0], "one"));
  EXPECT_OK(driver.cuModuleGetGlobal_v2(&address, &bytes, modules[1], "two"));
  EXPECT_OK(driver.cuModuleGetGlobal_v2(&address, &bytes, modules[1], "two"));
  EXPECT_OK(driver.cuModuleGetGlobal_v2(&address, &bytes, left, "three"));
  EXPECT_OK(driver.cuLibraryGetGlobal(&address, &bytes, libraries[0], "four"));
  EXPECT_OK(driver.cuLibraryGetManaged(&address, &bytes, libraries[1], "five"));
  EXPECT_INVALID(driver.cuModuleGetGlobal(&narrow, &narrow_bytes, modules[0], nullptr));
  EXPECT_INVALID(driver.cuModuleGetGlobal_v2(&address, &bytes, modules[0], nullptr));
  EXPECT_INVALID(driver.cuLibraryGetGlobal(&address, &bytes, libraries[0], nullptr));
  EXPECT_INVALID(driver.cuLibraryGetManaged(&address, &bytes, libraries[0], nullptr));
  for (CUmodule module : modules) EXPECT_OK(driver.cuModuleUnload(module));
  CUkernel kernel = nullptr;
  CUfunction function = nullptr;
  EXPECT_OK(driver.cuLibraryGetKernel(&kernel, libraries[0], "kernel"));
  EXPECT_INVALID(driver.cuLibraryGetKernel(nullptr, libraries[0], "kernel"));
  EXPECT_OK(driver.cuKernelGetFunction(&function, kernel));
  EXPECT_INVALID(driver.cuKernelGetFunction(nullptr, kernel));
  EXPECT_OK(driver.cuFuncLoad(function));
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuFuncLoad(nullptr));
  for (CUlibrary library : libraries) EXPECT_OK(driver.cuLibraryUnload(library));
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuModuleUnload(modules[0]));
  EXPECT_RESULT(CUDA_ERROR_INVALID_HANDLE, driver.cuLibraryUnload(libraries[0]));
}

void walk_contexts() {
  // What is below on the stack is the walks' context.
  CUcontext context = make_context(1), again = nullptr;
  leave_memory();
  EXPECT_OK(driver.cuCtxDestroy(context));
  EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, driver.cuCtxDestroy(context));
  context = make_context(0);
  leave_memory();
  EXPECT_OK(driver.cuCtxDestroy_v2(context));
  EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, driver.cuCtxDestroy_v2(context));
  context = make_context(1);
  leave_memory();
  EXPECT_OK(driver.cuCtxAttach(&again, 0));
  EXPECT_OK(driver.cuCtxDetach(context));
  EXPECT_OK(driver.cuCtxDetach(context));
  EXPECT_RESULT(CUDA_ERROR_INVALID_CONTEXT, driver.cuCtxDetach(context));
  context = make_context(1);
  walk_primary_context(1);
  context = make_context(1);
  walk_green_context(0);
}

void walk_look_up() {
  void* function = nullptr;
  CUdriverProcAddressQueryResult status;
  EXPECT_OK(driver.cuGetProcAddress("cuMemAlloc", &function, 3020, 0));
  EXPECT_RESULT(CUDA_ERROR_NOT_FOUND, driver.cuGetProcAddress("cuNone", &function, 12000, 0));
  EXPECT_OK(driver.cuGetProcAddress_v2("cuMemFree", &function, 3020, 0, &status));
  EXPECT_INVALID(driver.cuGetProcAddress_v2(nullptr, &function, 12000, 0, &status));
}

}  // namespace memory_calls

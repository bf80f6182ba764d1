// What Weir declares of the driver is what a toolkit's cuda.h declares: built once for each toolkit at hand. declared_names.inc says
// which functions this header has.
#define __CUDA_API_VERSION_INTERNAL
#include "cuda/driver_types.h"

#include <cuda.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cuda/driver.h"
#include "cuda/handlers_objects.h"
#include "cuda/signatures.h"
#include "cuda/sizes.h"
#include "declared_names.inc"

namespace weir::cuda {
namespace {

// ---- Functions: parameter by parameter as the calling convention sees them ----

struct Shape {
  const char* kind;      // pointer, number, class
  size_t bytes;          // of it
  size_t pointee_bytes;  // 0: not told
};

template <class T>
constexpr size_t bytes_if_known() {
  if constexpr (std::is_void_v<T> || std::is_function_v<T>) {
    return 0;
  } else if constexpr (requires { sizeof(T); }) {
    return sizeof(T);
  } else {
    return 0;
  }
}

template <class T>
constexpr Shape shape_of() {
  if constexpr (std::is_pointer_v<T>) {
    return {"pointer", sizeof(T), bytes_if_known<std::remove_pointer_t<T>>()};
  } else {
    return {std::is_class_v<T> ? "class" : "number", sizeof(T), 0};
  }
}

template <class Function>
struct Shapes;
template <class R, class... Arguments>
struct Shapes<R(Arguments...)> {
  static std::vector<Shape> all() { return {shape_of<R>(), shape_of<Arguments>()...}; }
};

std::string text_of(const Shape& shape) { return shape.kind + (" of " + std::to_string(shape.bytes)) + " bytes"; }

// The first of `ours` is the result.
void compare(const char* name, const std::vector<Shape>& ours, const std::vector<Shape>& theirs) {
  ASSERT_EQ(ours.size(), theirs.size()) << name << ": number of parameters";
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(text_of(ours[i]), text_of(theirs[i])) << name << ", parameter " << i;
    if (ours[i].pointee_bytes == 0 || theirs[i].pointee_bytes == 0) continue;
    EXPECT_EQ(ours[i].pointee_bytes, theirs[i].pointee_bytes) << name << ", what parameter " << i << " points to";
  }
}

#define COMPARE_1(name, ...) \
  compare(#name, Shapes<__VA_ARGS__>::all(), Shapes<decltype(::name)>::all()), ++compared_count;
#define COMPARE_0(name, ...) static_cast<void>(Shapes<__VA_ARGS__>{});
#define COMPARE_IF(declared, ...) COMPARE_##declared(__VA_ARGS__)
#define COMPARE(declared, ...) COMPARE_IF(declared, __VA_ARGS__)

constexpr size_t kFunctionsOfCuda11 = 225;  // of those that Weir stands before

TEST(DriverTypes, FunctionsThatWeirStandsBefore) {
  size_t compared_count = 0;
#define WEIR_CUDA_ENTRY(name, handler, type) COMPARE(WEIR_DECLARES_##name, name, signature::type)
#include "cuda/entry_points.def"
#undef WEIR_CUDA_ENTRY
  EXPECT_GE(compared_count, kFunctionsOfCuda11);
#if CUDA_VERSION >= 13000
  EXPECT_EQ(compared_count, kEntries);
#endif
}

TEST(DriverTypes, FunctionsThatWeirCalls) {
  size_t compared_count = 0;
#define WEIR_CUDA_QUERY(member, name, ...) COMPARE(WEIR_DECLARES_##name, name, __VA_ARGS__)
  WEIR_CUDA_QUERIES(WEIR_CUDA_QUERY)
#undef WEIR_CUDA_QUERY
  constexpr size_t kLaterThanCuda11 = 3;  // cuStreamGetCaptureInfo_v3, cuStreamGetCtx_v2, cuCtxRecordEvent
  size_t query_count = 0;
#define WEIR_CUDA_QUERY(member, name, ...) ++query_count;
  WEIR_CUDA_QUERIES(WEIR_CUDA_QUERY)
#undef WEIR_CUDA_QUERY
  EXPECT_GE(compared_count, query_count - kLaterThanCuda11);
}

// ---- What is passed by pointer or by value ----

#define EXPECT_SIZE(ours, theirs)            \
  EXPECT_EQ(sizeof(ours), sizeof(theirs));   \
  EXPECT_EQ(alignof(ours), alignof(theirs)); \
  using Ours [[maybe_unused]] = ours;        \
  using Theirs [[maybe_unused]] = theirs
#define EXPECT_FIELD(our_field, their_field)                           \
  EXPECT_EQ(offsetof(Ours, our_field), offsetof(Theirs, their_field)); \
  EXPECT_EQ(sizeof(Ours::our_field), sizeof(Theirs::their_field)) << #our_field

TEST(DriverTypes, Numbers) {
  EXPECT_EQ(sizeof(Result), sizeof(CUresult));
  EXPECT_EQ(sizeof(Address), sizeof(CUdeviceptr));
  EXPECT_EQ(sizeof(Address32), sizeof(CUdeviceptr_v1));
  EXPECT_EQ(sizeof(Device), sizeof(CUdevice));
  EXPECT_EQ(sizeof(VmmHandle), sizeof(CUmemGenericAllocationHandle));
  EXPECT_EQ(sizeof(Flags64), sizeof(cuuint64_t));
}

TEST(DriverTypes, Places) {
  EXPECT_SIZE(Location, CUmemLocation);
  EXPECT_FIELD(type, type);
  EXPECT_FIELD(id, id);
}

TEST(DriverTypes, HandlesOfOtherProcesses) { EXPECT_SIZE(IpcHandle, CUipcMemHandle); }

TEST(DriverTypes, PropertiesOfMemory) {
  EXPECT_SIZE(VmmProperties, CUmemAllocationProp);
  EXPECT_FIELD(type, type);
  EXPECT_FIELD(handle_types, requestedHandleTypes);
  EXPECT_FIELD(location, location);
  EXPECT_FIELD(win32_metadata, win32HandleMetaData);
  EXPECT_FIELD(flags, allocFlags);
}

#if CUDA_VERSION >= 12010
TEST(DriverTypes, PropertiesOfMulticastObjects) {
  EXPECT_SIZE(MulticastProperties, CUmulticastObjectProp);
  EXPECT_FIELD(device_count, numDevices);
  EXPECT_FIELD(bytes, size);
  EXPECT_FIELD(handle_types, handleTypes);
  EXPECT_FIELD(flags, flags);
}
#endif

template <class Ours, class Theirs>
void compare_array_shapes() {
  EXPECT_EQ(sizeof(Ours), sizeof(Theirs));
  EXPECT_FIELD(width, Width);
  EXPECT_FIELD(height, Height);
  EXPECT_FIELD(format, Format);
  EXPECT_FIELD(channels, NumChannels);
  if constexpr (requires { Ours::depth; }) {
    EXPECT_FIELD(depth, Depth);
    EXPECT_FIELD(flags, Flags);
  }
}

TEST(DriverTypes, ShapesOfArrays) {
  compare_array_shapes<ArrayShape, CUDA_ARRAY_DESCRIPTOR>();
  compare_array_shapes<ArrayShape32, CUDA_ARRAY_DESCRIPTOR_v1>();
  compare_array_shapes<Array3DShape, CUDA_ARRAY3D_DESCRIPTOR>();
  compare_array_shapes<Array3DShape32, CUDA_ARRAY3D_DESCRIPTOR_v1>();
}

template <class Ours, class Theirs>
void compare_copies() {
  EXPECT_EQ(sizeof(Ours), sizeof(Theirs));
  EXPECT_FIELD(src_x, srcXInBytes);
  EXPECT_FIELD(src_y, srcY);
  EXPECT_FIELD(src_type, srcMemoryType);
  EXPECT_FIELD(src_host, srcHost);
  EXPECT_FIELD(src_device, srcDevice);
  EXPECT_FIELD(src_array, srcArray);
  EXPECT_FIELD(src_pitch, srcPitch);
  EXPECT_FIELD(dst_x, dstXInBytes);
  EXPECT_FIELD(dst_y, dstY);
  EXPECT_FIELD(dst_type, dstMemoryType);
  EXPECT_FIELD(dst_host, dstHost);
  EXPECT_FIELD(dst_device, dstDevice);
  EXPECT_FIELD(dst_array, dstArray);
  EXPECT_FIELD(dst_pitch, dstPitch);
  EXPECT_FIELD(width_bytes, WidthInBytes);
  EXPECT_FIELD(height, Height);
  if constexpr (requires { Ours::depth; }) {
    EXPECT_FIELD(src_z, srcZ);
    EXPECT_FIELD(src_lod, srcLOD);
    EXPECT_FIELD(src_height, srcHeight);
    EXPECT_FIELD(dst_z, dstZ);
    EXPECT_FIELD(dst_lod, dstLOD);
    EXPECT_FIELD(dst_height, dstHeight);
    EXPECT_FIELD(depth, Depth);
  }
}

TEST(DriverTypes, Copies) {
  compare_copies<Memcpy2D, CUDA_MEMCPY2D>();
  compare_copies<Memcpy2D32, CUDA_MEMCPY2D_v1>();
  compare_copies<Memcpy3D, CUDA_MEMCPY3D>();
  compare_copies<Memcpy3D32, CUDA_MEMCPY3D_v1>();
  compare_copies<Memcpy3D, CUDA_MEMCPY3D_PEER>();
  EXPECT_EQ(offsetof(Memcpy3D, src_reserved), offsetof(CUDA_MEMCPY3D_PEER, srcContext));
  EXPECT_EQ(offsetof(Memcpy3D, dst_reserved), offsetof(CUDA_MEMCPY3D_PEER, dstContext));
}

TEST(DriverTypes, ExternalMemory) {
  EXPECT_SIZE(ExternalMemoryDescription, CUDA_EXTERNAL_MEMORY_HANDLE_DESC);
  EXPECT_FIELD(type, type);
  EXPECT_FIELD(handle, handle);
  EXPECT_FIELD(bytes, size);
  EXPECT_FIELD(flags, flags);
  EXPECT_FIELD(reserved, reserved);
}

TEST(DriverTypes, PartsOfExternalMemory) {
  EXPECT_SIZE(ExternalBufferDescription, CUDA_EXTERNAL_MEMORY_BUFFER_DESC);
  EXPECT_FIELD(offset, offset);
  EXPECT_FIELD(bytes, size);
  EXPECT_FIELD(flags, flags);
  EXPECT_FIELD(reserved, reserved);
}

TEST(DriverTypes, Pools) {
  EXPECT_SIZE(PoolProperties, CUmemPoolProps);
  EXPECT_FIELD(type, allocType);
  EXPECT_FIELD(handle_types, handleTypes);
  EXPECT_FIELD(location, location);
  EXPECT_FIELD(win32_attributes, win32SecurityAttributes);
#if CUDA_VERSION >= 13000
  EXPECT_FIELD(max_bytes, maxSize);
  EXPECT_FIELD(usage, usage);
  EXPECT_FIELD(reserved, reserved);
#endif
}

TEST(DriverTypes, AllocationNodes) {
  EXPECT_SIZE(AllocNodeParameters, CUDA_MEM_ALLOC_NODE_PARAMS);
  EXPECT_FIELD(pool, poolProps);
  EXPECT_FIELD(access, accessDescs);
  EXPECT_FIELD(access_count, accessDescCount);
  EXPECT_FIELD(bytes, bytesize);
  EXPECT_FIELD(address, dptr);
}

#if CUDA_VERSION >= 12020
TEST(DriverTypes, NodesOfAnyType) {
  EXPECT_SIZE(NodeParameters, CUgraphNodeParams);
  EXPECT_FIELD(type, type);
  EXPECT_FIELD(alloc, alloc);
  EXPECT_FIELD(alloc.address, alloc.dptr);
  EXPECT_FIELD(free.address, free.dptr);
  EXPECT_FIELD(child.graph, graph.graph);
#if CUDA_VERSION >= 13000
  EXPECT_FIELD(child.ownership, graph.ownership);
  EXPECT_EQ(kChildGraphMove, CU_GRAPH_CHILD_GRAPH_OWNERSHIP_MOVE);
#endif
  EXPECT_FIELD(words, reserved1);
  EXPECT_FIELD(reserved2, reserved2);
}
#endif

TEST(DriverTypes, AccessToMemory) {
  EXPECT_SIZE(VmmAccess, CUmemAccessDesc);
  EXPECT_FIELD(location, location);
  EXPECT_FIELD(flags, flags);
  EXPECT_EQ(kVmmPinned, CU_MEM_ALLOCATION_TYPE_PINNED);
  EXPECT_EQ(kGranuleMinimum, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
  EXPECT_EQ(kVmmNoAccess, CU_MEM_ACCESS_FLAGS_PROT_NONE);
  EXPECT_EQ(kVmmReadAndWrite, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
}

TEST(DriverTypes, Constants) {
  EXPECT_EQ(static_cast<int>(Result::success), CUDA_SUCCESS);
  EXPECT_EQ(static_cast<int>(Result::invalid_value), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(static_cast<int>(Result::out_of_memory), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(static_cast<int>(Result::not_initialized), CUDA_ERROR_NOT_INITIALIZED);
  EXPECT_EQ(static_cast<int>(Result::deinitialized), CUDA_ERROR_DEINITIALIZED);
  EXPECT_EQ(static_cast<int>(Result::not_found), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(static_cast<int>(Result::invalid_handle), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(static_cast<int>(Result::host_memory_not_registered), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  EXPECT_EQ(static_cast<int>(Result::not_supported), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(kLocationDevice, CU_MEM_LOCATION_TYPE_DEVICE);
  EXPECT_EQ(kMemoryHost, CU_MEMORYTYPE_HOST);
  EXPECT_EQ(kMemoryDevice, CU_MEMORYTYPE_DEVICE);
  EXPECT_EQ(kMemoryArray, CU_MEMORYTYPE_ARRAY);
  EXPECT_EQ(kMemoryUnified, CU_MEMORYTYPE_UNIFIED);
  EXPECT_EQ(kNodeGraph, CU_GRAPH_NODE_TYPE_GRAPH);
  EXPECT_EQ(kNodeMemAlloc, CU_GRAPH_NODE_TYPE_MEM_ALLOC);
  EXPECT_EQ(kNodeMemFree, CU_GRAPH_NODE_TYPE_MEM_FREE);
  EXPECT_EQ(kPointerMemoryType, CU_POINTER_ATTRIBUTE_MEMORY_TYPE);
  EXPECT_EQ(kPointerIsManaged, CU_POINTER_ATTRIBUTE_IS_MANAGED);
  EXPECT_EQ(kPointerDeviceOrdinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL);
  EXPECT_EQ(kRegisterPortable, unsigned{CU_MEMHOSTREGISTER_PORTABLE});
  EXPECT_EQ(kDeviceReadsPageable, CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS);
  EXPECT_EQ(kCaptureNone, CU_STREAM_CAPTURE_STATUS_NONE);
  EXPECT_EQ(kCaptureActive, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  EXPECT_EQ(kCaptureModeRelaxed, CU_STREAM_CAPTURE_MODE_RELAXED);
  EXPECT_EQ(kLegacyStream, reinterpret_cast<uint64_t>(CU_STREAM_LEGACY));
  EXPECT_EQ(kPerThreadStream, reinterpret_cast<uint64_t>(CU_STREAM_PER_THREAD));
  EXPECT_EQ(handler::kArrayWithoutMemory, unsigned{CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING});
}

// ---- Formats of arrays ----

TEST(DriverTypes, FormatsOfArrays) {
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_UNSIGNED_INT8, 4), 32U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_SIGNED_INT8, 1), 8U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_UNSIGNED_INT16, 2), 32U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_SIGNED_INT16, 1), 16U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_UNSIGNED_INT32, 4), 128U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_SIGNED_INT32, 1), 32U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_HALF, 4), 64U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_FLOAT, 2), 64U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_NV12, 3), 12U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_UNORM_INT8X1, 1), 8U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_UNORM_INT8X4, 4), 32U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_UNORM_INT16X2, 2), 32U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_SNORM_INT8X2, 2), 16U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_SNORM_INT16X4, 4), 64U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_BC1_UNORM, 4), 4U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_BC1_UNORM_SRGB, 4), 4U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_BC2_UNORM, 4), 8U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_BC4_UNORM, 1), 4U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_BC4_SNORM, 1), 4U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_BC5_UNORM, 2), 8U);
  EXPECT_EQ(bits_of_element(CU_AD_FORMAT_BC7_UNORM_SRGB, 4), 8U);
}

}  // namespace
}  // namespace weir::cuda

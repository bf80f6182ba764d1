// The driver's types as its functions pass them, declared by Weir itself: so a build needs no toolkit, and one build serves drivers old
// and new. tests/unit/cuda/driver_types_test.cpp compares them with the toolkit's headers where there are any. Source: the public
// cuda.h of CUDA 11.8 and 13.0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::cuda {

enum class Result : int {
  success = 0,
  invalid_value = 1,
  out_of_memory = 2,
  not_initialized = 3,
  deinitialized = 4,
  invalid_handle = 400,
  not_found = 500,
  host_memory_not_registered = 713,
  not_supported = 801,
};

using Address = uint64_t;    // CUdeviceptr
using Address32 = uint32_t;  // CUdeviceptr_v1
using Device = int;
using Flags64 = unsigned long long;
using VmmHandle = unsigned long long;  // CUmemGenericAllocationHandle

// Opaque handles: types of their own, so that none is taken for another.
using Context = struct ContextObject*;
using GreenContext = struct GreenContextObject*;
using ResourceDescription = struct ResourceDescriptionObject*;  // CUdevResourceDesc
using Stream = struct StreamObject*;
using Event = struct EventObject*;
using Function = struct FunctionObject*;
using Pool = struct PoolObject*;
using Array = struct ArrayObject*;
using MipmappedArray = struct MipmappedArrayObject*;
using Module = struct ModuleObject*;
using Library = struct LibraryObject*;
using Kernel = struct KernelObject*;
using ExternalMemory = struct ExternalMemoryObject*;
using Graph = struct GraphObject*;
using GraphNode = struct GraphNodeObject*;
using GraphExec = struct GraphExecObject*;

inline constexpr int kLocationDevice = 1;  // CU_MEM_LOCATION_TYPE_DEVICE

struct Location {  // CUmemLocation: by value in one register
  int type;
  int id;
};

struct IpcHandle {  // CUipcMemHandle: by value on the stack
  char reserved[64];
};

struct VmmProperties {  // CUmemAllocationProp
  int type;
  int handle_types;
  Location location;
  void* win32_metadata;
  unsigned char flags[8];
};

struct VmmAccess {  // CUmemAccessDesc
  Location location;
  int flags;
};

inline constexpr int kVmmPinned = 1;                          // CU_MEM_ALLOCATION_TYPE_PINNED
inline constexpr int kGranuleMinimum = 0;                     // CU_MEM_ALLOC_GRANULARITY_MINIMUM
inline constexpr int kVmmNoAccess = 0, kVmmReadAndWrite = 3;  // CUmemAccess_flags

struct MulticastProperties {  // CUmulticastObjectProp
  unsigned device_count;
  size_t bytes;
  Flags64 handle_types;
  Flags64 flags;
};

template <class Size>
struct ArrayShapeOf {  // CUDA_ARRAY_DESCRIPTOR, _v1
  Size width, height;
  int format;
  unsigned channels;
};
using ArrayShape = ArrayShapeOf<size_t>;
using ArrayShape32 = ArrayShapeOf<unsigned>;

template <class Size>
struct Array3DShapeOf {  // CUDA_ARRAY3D_DESCRIPTOR, _v1
  Size width, height, depth;
  int format;
  unsigned channels;
  unsigned flags;
};
using Array3DShape = Array3DShapeOf<size_t>;
using Array3DShape32 = Array3DShapeOf<unsigned>;

// CUmemorytype
inline constexpr int kMemoryHost = 1, kMemoryDevice = 2, kMemoryArray = 3, kMemoryUnified = 4;

template <class Size, class DeviceAddress>
struct Memcpy2DOf {  // CUDA_MEMCPY2D, _v1
  Size src_x, src_y;
  int src_type;
  const void* src_host;
  DeviceAddress src_device;
  Array src_array;
  Size src_pitch;
  Size dst_x, dst_y;
  int dst_type;
  void* dst_host;
  DeviceAddress dst_device;
  Array dst_array;
  Size dst_pitch;
  Size width_bytes;
  Size height;
};
using Memcpy2D = Memcpy2DOf<size_t, Address>;
using Memcpy2D32 = Memcpy2DOf<unsigned, Address32>;

template <class Size, class DeviceAddress>
struct Memcpy3DOf {  // CUDA_MEMCPY3D, _v1; CUDA_MEMCPY3D_PEER has contexts where this one has reserved words
  Size src_x, src_y, src_z, src_lod;
  int src_type;
  const void* src_host;
  DeviceAddress src_device;
  Array src_array;
  void* src_reserved;
  Size src_pitch, src_height;
  Size dst_x, dst_y, dst_z, dst_lod;
  int dst_type;
  void* dst_host;
  DeviceAddress dst_device;
  Array dst_array;
  void* dst_reserved;
  Size dst_pitch, dst_height;
  Size width_bytes;
  Size height;
  Size depth;
};
using Memcpy3D = Memcpy3DOf<size_t, Address>;
using Memcpy3D32 = Memcpy3DOf<unsigned, Address32>;

struct ExternalMemoryDescription {  // CUDA_EXTERNAL_MEMORY_HANDLE_DESC
  int type;
  uint64_t handle[2];
  unsigned long long bytes;
  unsigned flags;
  unsigned reserved[16];
};

struct ExternalBufferDescription {  // CUDA_EXTERNAL_MEMORY_BUFFER_DESC
  unsigned long long offset;
  unsigned long long bytes;
  unsigned flags;
  unsigned reserved[16];
};

struct PoolProperties {  // CUmemPoolProps
  int type;
  int handle_types;
  Location location;
  void* win32_attributes;
  size_t max_bytes;
  unsigned short usage;
  unsigned char reserved[54];
};

struct AllocNodeParameters {  // CUDA_MEM_ALLOC_NODE_PARAMS, _v2
  PoolProperties pool;
  const void* access;
  size_t access_count;
  size_t bytes;
  Address address;  // out
};

// CUgraphNodeParams, of which Weir reads the nodes that allocate and free, and those that are graphs with such nodes.
inline constexpr int kNodeGraph = 4, kNodeMemAlloc = 10, kNodeMemFree = 11;  // CUgraphNodeType
inline constexpr int kChildGraphMove = 1;                                    // CUgraphChildGraphNodeOwnership
struct NodeParameters {
  int type;
  int reserved[3];
  union {
    AllocNodeParameters alloc;
    struct {
      Address address;
    } free;
    struct {
      Graph graph;
      int ownership;  // 0 before CUDA 12.9: the driver clones
    } child;
    long long words[29];
  };
  long long reserved2;
};

// CUpointer_attribute
inline constexpr int kPointerContext = 1, kPointerMemoryType = 2, kPointerTokens = 5, kPointerBufferId = 7,
                     kPointerIsManaged = 8, kPointerDeviceOrdinal = 9, kPointerRangeStart = 11, kPointerRangeSize = 12;

inline constexpr int kCaptureNone = 0, kCaptureActive = 1;  // CUstreamCaptureStatus
inline constexpr unsigned kStreamNonBlocking = 1;           // CU_STREAM_NON_BLOCKING
inline constexpr int kCaptureModeRelaxed = 2;               // CUstreamCaptureMode

inline constexpr unsigned kRegisterPortable = 1;  // CU_MEMHOSTREGISTER_PORTABLE
inline constexpr int kDeviceReadsPageable = 88;   // CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS

// Streams that are no handles.
inline constexpr uint64_t kLegacyStream = 1, kPerThreadStream = 2;

}  // namespace weir::cuda

// The types of the functions in entry_points.def, by the names used there. ...32: the forms of CUDA before 3.2, with 32-bit addresses
// and sizes. Source: the public cuda.h of CUDA 11.8 and 13.0; compared with it by tests/unit/cuda/driver_types_test.cpp.
#pragma once

#include "cuda/driver_types.h"

namespace weir::cuda::signature {

using MemAlloc = Result(Address*, size_t);
using MemAlloc32 = Result(Address32*, unsigned);
using MemAllocPitch = Result(Address*, size_t* pitch, size_t width, size_t height, unsigned element);
using MemAllocPitch32 = Result(Address32*, unsigned* pitch, unsigned width, unsigned height, unsigned element);
using MemAllocManaged = Result(Address*, size_t, unsigned flags);
using MemFree = Result(Address);
using MemFree32 = Result(Address32);

using MemAllocHost = Result(void**, size_t);
using MemAllocHost32 = Result(void**, unsigned);
using MemHostAlloc = Result(void**, size_t, unsigned flags);
using MemFreeHost = Result(void*);
using MemHostRegister = Result(void*, size_t, unsigned flags);
using MemHostUnregister = Result(void*);

using MemAllocAsync = Result(Address*, size_t, Stream);
using MemAllocFromPoolAsync = Result(Address*, size_t, Pool, Stream);
using MemFreeAsync = Result(Address, Stream);
using MemPoolCreate = Result(Pool*, const PoolProperties*);
using MemPoolDestroy = Result(Pool);
using MemPoolTrimTo = Result(Pool, size_t);
using MemPoolSetAttribute = Result(Pool, int attribute, void* value);
using MemPoolImport = Result(Pool*, void* handle, int type, Flags64);
using MemPoolImportPointer = Result(Address*, Pool, void* data);
using DeviceSetMemPool = Result(Device, Pool);
using MemSetMemPool = Result(Location*, int type, Pool);

using MemCreate = Result(VmmHandle*, size_t, const VmmProperties*, Flags64);
using MemRelease = Result(VmmHandle);
using MemRetain = Result(VmmHandle*, void* address);
using MemImport = Result(VmmHandle*, void* handle, int type);
using MemExport = Result(void* handle, VmmHandle, int type, Flags64);
using MemAddressReserve = Result(Address*, size_t, size_t alignment, Address wish, Flags64);
using MemAddressFree = Result(Address, size_t);
using MemMap = Result(Address, size_t, size_t offset, VmmHandle, Flags64);
using MemUnmap = Result(Address, size_t);
using MemSetAccess = Result(Address, size_t, const void* access, size_t count);
using MemMapArrayAsync = Result(void* list, unsigned count, Stream);

using ArrayCreate = Result(Array*, const ArrayShape*);
using ArrayCreate32 = Result(Array*, const ArrayShape32*);
using Array3DCreate = Result(Array*, const Array3DShape*);
using Array3DCreate32 = Result(Array*, const Array3DShape32*);
using ArrayDestroy = Result(Array);
using MipmappedArrayCreate = Result(MipmappedArray*, const Array3DShape*, unsigned levels);
using MipmappedArrayDestroy = Result(MipmappedArray);

using IpcGetMemHandle = Result(IpcHandle*, Address);
using IpcOpenMemHandle = Result(Address*, IpcHandle, unsigned flags);
using IpcCloseMemHandle = Result(Address);
using ImportExternalMemory = Result(ExternalMemory*, const ExternalMemoryDescription*);
using ExternalGetMappedBuffer = Result(Address*, ExternalMemory, const ExternalBufferDescription*);
using ExternalGetMappedArray = Result(MipmappedArray*, ExternalMemory, const void* description);
using DestroyExternalMemory = Result(ExternalMemory);
using GraphicsMapResources = Result(unsigned count, void** resources, Stream);

using GraphCreate = Result(Graph*, unsigned flags);
using GraphAddMemAllocNode = Result(GraphNode*, Graph, const GraphNode*, size_t, AllocNodeParameters*);
using GraphAddMemFreeNode = Result(GraphNode*, Graph, const GraphNode*, size_t, Address);
using GraphAddNode = Result(GraphNode*, Graph, const GraphNode*, size_t, NodeParameters*);
using GraphAddNode2 = Result(GraphNode*, Graph, const GraphNode*, const void* edges, size_t, NodeParameters*);
using GraphAddChildGraphNode = Result(GraphNode*, Graph, const GraphNode*, size_t, Graph child);
using GraphClone = Result(Graph*, Graph);
using GraphDestroyNode = Result(GraphNode);
using GraphDestroy = Result(Graph);
using GraphInstantiateWithLog = Result(GraphExec*, Graph, GraphNode* error, char* log, size_t);
using GraphInstantiateWithFlags = Result(GraphExec*, Graph, Flags64);
using GraphInstantiateWithParams = Result(GraphExec*, Graph, void* parameters);
using GraphLaunch = Result(GraphExec, Stream);
using GraphExecDestroy = Result(GraphExec);
using GraphExecUpdate1 = Result(GraphExec, Graph, GraphNode* error, int* result);
using GraphExecUpdate = Result(GraphExec, Graph, void* result);
using DeviceGraphMemTrim = Result(Device);
using StreamBeginCapture1 = Result(Stream);
using StreamBeginCapture = Result(Stream, int mode);
using StreamBeginCaptureToGraph = Result(Stream, Graph, const GraphNode*, const void* edges, size_t, int mode);
using StreamEndCapture = Result(Stream, Graph*);
using StreamDestroy = Result(Stream);

using MulticastCreate = Result(VmmHandle*, const MulticastProperties*);
using MulticastAddDevice = Result(VmmHandle, Device);
using MulticastBindMem = Result(VmmHandle, size_t offset, VmmHandle memory, size_t memory_offset, size_t, Flags64);
using MulticastBindAddr = Result(VmmHandle, size_t offset, Address, size_t, Flags64);
using MulticastUnbind = Result(VmmHandle, Device, size_t offset, size_t);

using ModuleLoad = Result(Module*, const char* path);
using ModuleLoadData = Result(Module*, const void* image);
using ModuleLoadDataEx = Result(Module*, const void* image, unsigned count, int* options, void** values);
using ModuleUnload = Result(Module);
using ModuleGetGlobal = Result(Address*, size_t*, Module, const char* name);
using ModuleGetGlobal32 = Result(Address32*, unsigned*, Module, const char* name);
using LibraryLoadData = Result(Library*, const void* code, int* options, void** values, unsigned count,
                               int* library_options, void** library_values, unsigned library_count);
using LibraryLoadFromFile = Result(Library*, const char* path, int* options, void** values, unsigned count,
                                   int* library_options, void** library_values, unsigned library_count);
using LibraryUnload = Result(Library);
using ModuleGetFunction = Result(Function*, Module, const char* name);
using LibraryGetKernel = Result(Kernel*, Library, const char* name);
using KernelGetFunction = Result(Function*, Kernel);
using FuncLoad = Result(Function);
using CtxSetLimit = Result(int limit, size_t value);
using EventCreate = Result(Event*, unsigned flags);
using LibraryGetGlobal = Result(Address*, size_t*, Library, const char* name);

using PrimaryCtxRetain = Result(Context*, Device);
using PrimaryCtxReset = Result(Device);
using CtxDestroy = Result(Context);
using GreenCtxDestroy = Result(GreenContext);
using GreenCtxCreate = Result(GreenContext*, ResourceDescription, Device, unsigned flags);
using GreenCtxStreamCreate = Result(Stream*, GreenContext, unsigned flags, int priority);
using StreamCreate = Result(Stream*, unsigned flags);
using StreamCreateWithPriority = Result(Stream*, unsigned flags, int priority);

using GetProcAddress1 = Result(const char* name, void** function, int version, Flags64);
using GetProcAddress = Result(const char* name, void** function, int version, Flags64, int* status);

using Memcpy = Result(Address to, Address from, size_t);
using MemcpyAsync = Result(Address to, Address from, size_t, Stream);
using MemcpyPeer = Result(Address to, Context, Address from, Context, size_t);
using MemcpyPeerAsync = Result(Address to, Context, Address from, Context, size_t, Stream);

using MemcpyHtoD = Result(Address to, const void* from, size_t);
using MemcpyHtoD32 = Result(Address32 to, const void* from, unsigned);
using MemcpyHtoDAsync = Result(Address to, const void* from, size_t, Stream);
using MemcpyHtoDAsync32 = Result(Address32 to, const void* from, unsigned, Stream);
using MemcpyDtoH = Result(void* to, Address from, size_t);
using MemcpyDtoH32 = Result(void* to, Address32 from, unsigned);
using MemcpyDtoHAsync = Result(void* to, Address from, size_t, Stream);
using MemcpyDtoHAsync32 = Result(void* to, Address32 from, unsigned, Stream);
using MemcpyDtoD = Result(Address to, Address from, size_t);
using MemcpyDtoD32 = Result(Address32 to, Address32 from, unsigned);
using MemcpyDtoDAsync = Result(Address to, Address from, size_t, Stream);
using MemcpyDtoDAsync32 = Result(Address32 to, Address32 from, unsigned, Stream);
using MemcpyHtoA = Result(Array to, size_t offset, const void* from, size_t);
using MemcpyHtoA32 = Result(Array to, unsigned offset, const void* from, unsigned);
using MemcpyHtoAAsync = Result(Array to, size_t offset, const void* from, size_t, Stream);
using MemcpyHtoAAsync32 = Result(Array to, unsigned offset, const void* from, unsigned, Stream);
using MemcpyAtoH = Result(void* to, Array from, size_t offset, size_t);
using MemcpyAtoH32 = Result(void* to, Array from, unsigned offset, unsigned);
using MemcpyAtoHAsync = Result(void* to, Array from, size_t offset, size_t, Stream);
using MemcpyAtoHAsync32 = Result(void* to, Array from, unsigned offset, unsigned, Stream);
using MemcpyDtoA = Result(Array to, size_t offset, Address from, size_t);
using MemcpyDtoA32 = Result(Array to, unsigned offset, Address32 from, unsigned);
using MemcpyAtoD = Result(Address to, Array from, size_t offset, size_t);
using MemcpyAtoD32 = Result(Address32 to, Array from, unsigned offset, unsigned);
using MemcpyAtoA = Result(Array to, size_t to_offset, Array from, size_t from_offset, size_t);
using MemcpyAtoA32 = Result(Array to, unsigned to_offset, Array from, unsigned from_offset, unsigned);

using MemcpyShape2D = Result(const Memcpy2D*);
using MemcpyShape2D32 = Result(const Memcpy2D32*);
using MemcpyShape2DAsync = Result(const Memcpy2D*, Stream);
using MemcpyShape2DAsync32 = Result(const Memcpy2D32*, Stream);
using MemcpyShape3D = Result(const Memcpy3D*);
using MemcpyShape3D32 = Result(const Memcpy3D32*);
using MemcpyShape3DAsync = Result(const Memcpy3D*, Stream);
using MemcpyShape3DAsync32 = Result(const Memcpy3D32*, Stream);

using MemcpyBatch1 = Result(Address* to, Address* from, size_t* sizes, size_t count, void* attributes,
                            size_t* attribute_indices, size_t attribute_count, size_t* failed, Stream);
using MemcpyBatch = Result(Address* to, Address* from, size_t* sizes, size_t count, void* attributes,
                           size_t* attribute_indices, size_t attribute_count, Stream);
using Memcpy3DBatch1 = Result(size_t count, void* operations, size_t* failed, Flags64, Stream);
using Memcpy3DBatch = Result(size_t count, void* operations, Flags64, Stream);

using Memset8 = Result(Address, unsigned char, size_t);
using Memset16 = Result(Address, unsigned short, size_t);
using Memset32 = Result(Address, unsigned, size_t);
using Memset8Old = Result(Address32, unsigned char, unsigned);
using Memset16Old = Result(Address32, unsigned short, unsigned);
using Memset32Old = Result(Address32, unsigned, unsigned);
using Memset8Async = Result(Address, unsigned char, size_t, Stream);
using Memset16Async = Result(Address, unsigned short, size_t, Stream);
using Memset32Async = Result(Address, unsigned, size_t, Stream);
using Memset2D8 = Result(Address, size_t pitch, unsigned char, size_t width, size_t height);
using Memset2D16 = Result(Address, size_t pitch, unsigned short, size_t width, size_t height);
using Memset2D32 = Result(Address, size_t pitch, unsigned, size_t width, size_t height);
using Memset2D8Old = Result(Address32, unsigned pitch, unsigned char, unsigned width, unsigned height);
using Memset2D16Old = Result(Address32, unsigned pitch, unsigned short, unsigned width, unsigned height);
using Memset2D32Old = Result(Address32, unsigned pitch, unsigned, unsigned width, unsigned height);
using Memset2D8Async = Result(Address, size_t pitch, unsigned char, size_t width, size_t height, Stream);
using Memset2D16Async = Result(Address, size_t pitch, unsigned short, size_t width, size_t height, Stream);
using Memset2D32Async = Result(Address, size_t pitch, unsigned, size_t width, size_t height, Stream);

using MemGetInfo = Result(size_t* free, size_t* total);
using MemGetInfo32 = Result(unsigned* free, unsigned* total);
using MemGetAddressRange = Result(Address* start, size_t*, Address);
using MemGetAddressRange32 = Result(Address32* start, unsigned*, Address32);
using PointerGetAttribute = Result(void* value, int attribute, Address);
using PointerGetAttributes = Result(unsigned count, int* attributes, void** values, Address);
using PointerSetAttribute = Result(const void* value, int attribute, Address);
using MemGetHandleForAddressRange = Result(void* handle, Address, size_t, int type, Flags64);
using MemHostGetDevicePointer = Result(Address*, void*, unsigned flags);
using MemHostGetDevicePointer32 = Result(Address32*, void*, unsigned flags);
using MemHostGetFlags = Result(unsigned* flags, void*);

using CtxSetCurrent = Result(Context);
using CtxEnablePeerAccess = Result(Context, unsigned flags);
using CtxPopCurrent = Result(Context*);
using CtxAttach = Result(Context*, unsigned flags);
using CtxCreate = Result(Context*, unsigned flags, Device);
using CtxCreate3 = Result(Context*, void* affinities, int count, unsigned flags, Device);
using CtxCreate4 = Result(Context*, void* parameters, unsigned flags, Device);
using CtxSynchronize = Result(Context);
using CtxSynchronize1 = Result();

using StreamSynchronize = Result(Stream);
using EventSynchronize = Result(Event);
using LaunchKernel = Result(Function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                            unsigned block_y, unsigned block_z, unsigned shared_bytes, Stream, void** arguments,
                            void** extra);
using LaunchKernelEx = Result(const void* configuration, Function, void** arguments, void** extra);
using LaunchCooperativeKernel = Result(Function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                                       unsigned block_y, unsigned block_z, unsigned shared_bytes, Stream,
                                       void** arguments);

}  // namespace weir::cuda::signature

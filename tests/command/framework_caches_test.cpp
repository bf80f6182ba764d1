#include "cli/framework_caches.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/suppressed_leaks.h"
#include "symbolize/suppressions.h"

namespace weir::cli {
namespace {

struct Frame {
  std::string function;
  std::string module = "/lib/framework.so";
  std::vector<std::string> inlined = {};
};
using Stack = std::vector<Frame>;  // innermost first

// The name of the cache of a leak with that stack, or nothing.
std::string cache_of(const Stack& stack, const std::string& memory = "device") {
  Json report = {{"leaks", {{{"memory", memory}, {"kind", "definite"}, {"bytes", 1}, {"count", 1}, {"stack", 0}}}},
                 {"stacks", Json::array({Json::array()})},
                 {"frames", Json::array()},
                 {"modules", Json::array()}};
  for (const Frame& frame : stack) {
    Json entry = {{"module", report["modules"].size()}, {"offset", 1}};
    if (!frame.function.empty()) entry["function"] = frame.function;
    for (const std::string& function : frame.inlined) entry["inlined"].push_back({{"function", function}});
    report["stacks"][0].push_back(report["frames"].size());
    report["frames"].push_back(std::move(entry));
    report["modules"].push_back({{"path", frame.module}});
  }
  name_framework_caches(report);
  return report["leaks"][0].value("framework_cache", "");
}

const Frame kRuntime{"cudaMalloc", "/usr/local/cuda/lib64/libcudart.so.12"};
const Frame kUnnamedRuntime{"", "/usr/local/cuda/lib64/libcudart.so.12"};
const Frame kStaticRuntime{"libcudart_static_8b73e19b"};
const Frame kProgram{"train(int)", "/opt/train/train"};
const std::string kPyTorch = "c10::cuda::CUDACachingAllocator::Native::";

TEST(FrameworkCaches, AreKnownByTheFunctionsThatAllocate) {
  const struct {
    std::string cache;
    Stack stack;
  } cases[] = {
      {"PyTorch",
       {kUnnamedRuntime,
        kRuntime,
        {kPyTorch + "DeviceCachingAllocator::malloc(signed char, unsigned long, CUstream_st*)"},
        {kPyTorch + "NativeCachingAllocator::allocate(unsigned long)"},
        kProgram}},
      {"PyTorch",
       {kRuntime,
        {kPyTorch + "(anonymous namespace)::cudaMallocMaybeCapturing(void**, unsigned long)"},
        {kPyTorch + "DeviceCachingAllocator::alloc_block(" + kPyTorch + "(anonymous namespace)::AllocParams&, bool)"}}},
      {"PyTorch",
       {{"cuMemCreate", "/lib/libcuda.so.1"},
        {kPyTorch + "ExpandableSegment::map(" + kPyTorch + "SegmentRange)"},
        {"bool std::__invoke<int>(int&&)"},
        {kPyTorch + "DeviceCachingAllocator::map_block(Block*)"}}},
      {"PyTorch", {{"c10::cuda::CUDACachingAllocator::(anonymous namespace)::DeviceCachingAllocator::malloc(int)"}}},
      {"PyTorch pinned",
       {kRuntime,
        {"at::cuda::(anonymous namespace)::CUDACachingHostAllocatorImpl::allocate_host_memory(unsigned long, void**)"},
        {"at::CachingHostAllocatorImpl<c10::cuda::CUDAStream, Event>::allocate(unsigned long)"}}},
      {"PyTorch pinned", {kRuntime, {"at::cuda::(anonymous namespace)::CUDAHostAllocator::allocate(unsigned long)"}}},
      {"CuPy",
       {kStaticRuntime,
        {"cudaMalloc"},
        {"__pyx_f_13cupy_backends_4cuda_3api_7runtime_malloc(unsigned long, int)"},
        {"__pyx_pw_4cupy_4cuda_6memory_6Memory_1__init__(_object*, _object*, _object*)"},
        {"", "/usr/bin/python3.11"},
        {"_PyObject_MakeTpCall", "/usr/bin/python3.11"},
        {"__pyx_f_4cupy_4cuda_6memory__malloc(unsigned long, int)"},
        {"__Pyx_PyObject_FastCall(_object*)"},
        {"__pyx_f_4cupy_4cuda_6memory_22SingleDeviceMemoryPool__alloc(_object*, long)"}}},
      {"CuPy pinned",
       {{"cudaHostAlloc"},
        {"__pyx_f_13cupy_backends_4cuda_3api_7runtime_hostAlloc(unsigned long, unsigned int, int)"},
        {"__pyx_f_4cupy_4cuda_13pinned_memory__malloc(unsigned long, int)"},
        {"__pyx_f_4cupy_4cuda_13pinned_memory_16PinnedMemoryPool_malloc(_object*, unsigned long, int)"}}},
      {"RMM",
       {{"cudaMalloc"},
        {"rmm::mr::cuda_memory_resource::do_allocate(unsigned long, rmm::cuda_stream_view)"},
        {"rmm::mr::device_memory_resource::allocate(unsigned long, rmm::cuda_stream_view)"},
        {"std::optional<rmm::mr::detail::coalescing_free_list::block> "
         "rmm::mr::pool_memory_resource<rmm::mr::cuda_memory_resource>"
         "::block_from_upstream(unsigned long, rmm::cuda_stream_view)"}}},
      {"RMM",
       {{"cudaMalloc"},
        {"cuda::mr::any_resource<cuda::mr::device_accessible>::allocate(int)"},
        {"rmm::mr::detail::arena::global_arena::initialize(unsigned long)"}}},
      {"TensorFlow and JAX",
       {{"stream_executor::gpu::CudaExecutor::Allocate(unsigned long, long)"},
        {"stream_executor::DeviceMemAllocator::Alloc(unsigned long, unsigned long, unsigned long*)"},
        {"tsl::BFCAllocator::Extend(unsigned long, unsigned long)"}}},
      {"TensorFlow and JAX", {{"tensorflow::BFCAllocator::Extend(unsigned long, unsigned long)"}}},
      {"PyTorch", {{"main", "/opt/train/train", {kPyTorch + "DeviceCachingAllocator::alloc_block"}}}},
  };
  for (const auto& known : cases) EXPECT_EQ(cache_of(known.stack), known.cache) << known.stack.back().function;
}

TEST(FrameworkCaches, WhatOthersAllocateIsNone) {
  const Stack cases[] = {
      {kRuntime, kProgram},
      {kRuntime, {""}, {kPyTorch + "DeviceCachingAllocator::malloc()"}},  // whose function that is, nobody knows
      // PYTORCH_NO_CUDA_MEMORY_CACHING=1, and the driver's own pool
      {kRuntime, {kPyTorch + "NativeCachingAllocator::allocate(unsigned long)"}, kProgram},
      {kRuntime, {"c10::cuda::CUDACachingAllocator::CudaMallocAsync::mallocAsync(void**, int)"}, kProgram},
      // A callback, and an allocator of the program's: what it does below the cache is its own.
      {kRuntime, kProgram, {kPyTorch + "DeviceCachingAllocator::malloc()"}},
      {{"cudaMalloc", "/opt/train/train", {"leaky_upstream::allocate"}},
       {"rmm::mr::pool_memory_resource<X>::expand_pool()"}},
      {kRuntime, kProgram, {"rmm::mr::pool_memory_resource<rmm::mr::cuda_memory_resource>::expand_pool()"}},
      // An allocator written in Python
      {{"cudaMalloc"},
       {"__pyx_f_13cupy_backends_4cuda_3api_7runtime_malloc(unsigned long, int)"},
       {"_PyEval_EvalFrameDefault", "/usr/bin/python3.11"},
       {"_PyFunction_Vectorcall", "/usr/bin/python3.11"},
       {"__pyx_f_4cupy_4cuda_6memory_22SingleDeviceMemoryPool__alloc(_object*, long)"}},
      {{"cudaMalloc"}, {"__pyx_f_4cupy_4cuda_6memory__malloc(unsigned long, int)"}, kProgram},
      // Names that only look like it
      {kRuntime, {"mine::c10::cuda::CUDACachingAllocator::DeviceCachingAllocator::malloc()"}},
      {kRuntime, {"rmm::mr::tracking_resource_adaptor<rmm::mr::pool_memory_resource<X> >::do_allocate(int)"}, kProgram},
      {kRuntime, {"void mine::grow<tsl::BFCAllocator>(tsl::BFCAllocator::Chunk*)"}, kProgram},
  };
  for (const Stack& stack : cases) EXPECT_EQ(cache_of(stack), "") << stack[1].function;
}

TEST(FrameworkCaches, OnTheHostTheCachesRecordsAreItsOwnAndNotWhatCudaAllocatesForItself) {
  const Frame cache{kPyTorch + "DeviceCachingAllocator::alloc_block(bool)"};
  EXPECT_EQ(cache_of({cache, kProgram}, "host"), "PyTorch");
  EXPECT_EQ(cache_of({{"std::_Rb_tree<int>::_M_insert_(int)"}, cache, kProgram}, "host"), "PyTorch");
  EXPECT_EQ(cache_of({kRuntime, cache, kProgram}, "host"), "");
  EXPECT_EQ(cache_of({kProgram, cache}, "host"), "");
}

TEST(FrameworkCaches, ARuntimesOwnStaysThatAndNoSuppressionTakesTheirs) {
  Json report = {
      {"leaks",
       {{{"memory", "host"}, {"kind", "definite"}, {"bytes", 1}, {"count", 1}, {"stack", 0}, {"runtime", "x"}},
        {{"memory", "host"}, {"kind", "definite"}, {"bytes", 1}, {"count", 1}, {"stack", 0}}}},
      {"stacks", {{0}}},
      {"frames", {{{"module", 0}, {"offset", 1}, {"function", "tsl::BFCAllocator::Extend()"}}}},
      {"modules", {{{"path", "/lib/libtensorflow.so"}}}}};
  name_framework_caches(report);
  EXPECT_FALSE(report["leaks"][0].contains("framework_cache"));
  EXPECT_EQ(report["leaks"][1].value("framework_cache", ""), "TensorFlow and JAX");
  symbolize::Suppressions suppressions;
  suppressions.add("leak:tensorflow", "test");
  suppressions.apply(report);
  EXPECT_FALSE(report["leaks"][1].contains("suppressed"));
  EXPECT_FALSE(has_leaks_left(report));
}

}  // namespace
}  // namespace weir::cli

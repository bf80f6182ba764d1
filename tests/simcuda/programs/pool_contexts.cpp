// What other contexts do while one allocates and frees: the pools may neither hand out what their work still uses nor wait for it, nor keep
// what ends with them.
//
//   cuda_pool_contexts CASE
//
// Prints one line, the same with the pools and without. The cases' names are functions below.
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "must.h"

namespace {

using namespace std::chrono_literals;

constexpr size_t kBytes = size_t{1} << 16;
constexpr int kContexts = 70;    // more than the pools can follow
constexpr auto kLong = 300ms;    // how long work lasts
constexpr auto kWithin = 200ms;  // a moment at which a slow call is under way

std::atomic<bool> is_done{false}, may_end{false};

void last_long(void*) { std::this_thread::sleep_for(kLong); }
void note_done(void*) { is_done = true; }
void wait_for_program(void*) {
  while (!may_end) std::this_thread::sleep_for(1ms);
}

void* allocate_pinned() {
  void* address = nullptr;
  MUST(cuMemHostAlloc(&address, kBytes, CU_MEMHOSTALLOC_PORTABLE));
  return address;
}

CUdeviceptr allocate(size_t bytes) {
  CUdeviceptr address = 0;
  MUST(cuMemAlloc_v2(&address, bytes));
  return address;
}

CUdeviceptr allocate_and_free() {
  const CUdeviceptr address = allocate(kBytes);
  MUST(cuMemFree_v2(address));
  return address;
}

size_t device_bytes() {
  size_t free_bytes = 0, total_bytes = 0;
  MUST(cuMemGetInfo_v2(&free_bytes, &total_bytes));
  return total_bytes;
}

// The driver knows the block, and copies to it.
bool is_there(CUdeviceptr address) {
  CUdeviceptr start = 0;
  size_t bytes = 0;
  return cuMemsetD8_v2(address, 1, kBytes) == CUDA_SUCCESS &&
         cuMemGetAddressRange_v2(&start, &bytes, address) == CUDA_SUCCESS;
}

CUgreenCtx make_green(int device, CUcontext* converted) {
  CUdevResource all, group, rest;
  CUdevResourceDesc description = nullptr;
  CUgreenCtx made = nullptr;
  unsigned count = 1;
  MUST(cuDeviceGetDevResource(device, &all, CU_DEV_RESOURCE_TYPE_SM));
  MUST(cuDevSmResourceSplitByCount(&group, &count, &all, &rest, 0, all.sm.smCount / 4));
  MUST(cuDevResourceGenerateDesc(&description, &group, 1));
  MUST(cuGreenCtxCreate(&made, description, device, CU_GREEN_CTX_DEFAULT_STREAM));
  MUST(cuCtxFromGreenCtx(converted, made));
  return made;
}

// Blocks of `home` are freed while a stream of `other` still copies to the first: is one of them handed out before that is done?
void use_elsewhere(CUcontext home, CUcontext other, CUstream stream) {
  MUST(cuCtxSetCurrent(home));
  std::vector<void*> blocks;
  for (int i = 0; i < 4; ++i) blocks.push_back(allocate_pinned());
  const CUdeviceptr source = allocate(kBytes);
  MUST(cuCtxSetCurrent(other));
  MUST(cuLaunchHostFunc(stream, &last_long, nullptr));
  MUST(cuMemcpyDtoHAsync_v2(blocks[0], source, kBytes, stream));
  MUST(cuLaunchHostFunc(stream, &note_done, nullptr));
  MUST(cuCtxSetCurrent(home));
  for (void* block : blocks) MUST(cuMemFreeHost(block));
  bool is_early = false;
  for (size_t i = 0; i < 2 * blocks.size(); ++i) {
    const void* given = allocate_pinned();
    is_early = is_early || (given == blocks[0] && !is_done);
  }
  std::puts(is_early ? "handed out early" : "not handed out early");
}

void more_contexts_than_known() {
  CUcontext home = enter(0), other = nullptr;
  for (int i = 0; i < kContexts; ++i) MUST(cuCtxCreate_v2(&other, 0, 0));
  CUstream stream = nullptr;
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  use_elsewhere(home, other, stream);
}

void green_context_of_another_device() {
  CUcontext home = enter(0), other = nullptr;
  const CUgreenCtx green = make_green(1, &other);
  CUstream stream = nullptr;
  MUST(cuGreenCtxStreamCreate(&stream, green, CU_STREAM_NON_BLOCKING, 0));
  use_elsewhere(home, other, stream);
}

void primary_context_ends_with_green_one() {
  enter(0);
  CUcontext converted = nullptr;
  const CUgreenCtx green = make_green(0, &converted);
  allocate_and_free();
  MUST(cuCtxSetCurrent(nullptr));
  MUST(cuDevicePrimaryCtxRelease_v2(0));
  MUST(cuGreenCtxDestroy(green));
  enter(0);
  std::puts(is_there(allocate(kBytes)) ? "there" : "gone");
}

// Prints how often a block was handed out again; the driver alone gives it each time.
void green_context_without_memory() {
  const CUcontext home = enter(0);
  CUdeviceptr block = allocate(kBytes);
  CUcontext converted = nullptr;
  const CUgreenCtx green = make_green(0, &converted);
  MUST(cuCtxSetCurrent(converted));
  MUST(cuCtxSynchronize());
  MUST(cuCtxSetCurrent(home));
  MUST(cuGreenCtxDestroy(green));
  int same_count = 0;
  for (int i = 0; i < 100; ++i) {
    MUST(cuMemFree_v2(block));
    const CUdeviceptr next = allocate(kBytes);
    same_count += next == block;
    block = next;
  }
  std::printf("%d\n", same_count);
}

void green_contexts_with_memory() {
  enter(0);
  allocate(kBytes);
  for (size_t i = 2; i < 5; ++i) {
    CUcontext converted = nullptr;
    make_green(0, &converted);
    MUST(cuCtxSetCurrent(converted));
    allocate(i * kBytes);
  }
}

// To be run where cuDevicePrimaryCtxGetState() is slow: Weir asks it after the release.
void retained_while_released() {
  enter(0);
  allocate_and_free();
  MUST(cuCtxSetCurrent(nullptr));
  std::thread other([] {
    std::this_thread::sleep_for(kWithin);
    CUcontext context = nullptr;
    MUST(cuDevicePrimaryCtxRetain(&context, 0));
  });
  MUST(cuDevicePrimaryCtxRelease_v2(0));
  other.join();
  enter(0);
  std::puts(is_there(allocate(kBytes)) ? "there" : "gone");
}

// The same: another context is given the address of a block that has ended with its context.
void address_of_an_ended_context() {
  enter(0);
  const CUdeviceptr ended = allocate_and_free();
  CUcontext context = nullptr;
  MUST(cuCtxCreate_v2(&context, 0, 0));
  MUST(cuCtxSetCurrent(nullptr));
  std::thread other([&] {
    MUST(cuCtxSetCurrent(context));
    std::this_thread::sleep_for(kWithin);
    CUdeviceptr address = 0;
    size_t pitch = 0;
    MUST(cuMemAllocPitch_v2(&address, &pitch, kBytes, 1, 4));
    const bool there = is_there(address);
    const CUresult freed = cuMemFree_v2(address);
    std::printf("same address: %d, there: %d, free: %d\n", ended == address, there, static_cast<int>(freed));
  });
  MUST(cuDevicePrimaryCtxRelease_v2(0));
  other.join();
}

void begin_endless_work(int device) {
  enter(device);
  CUstream stream = nullptr;
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  MUST(cuLaunchHostFunc(stream, &wait_for_program, nullptr));
}

void loop_beside_endless_work() {
  begin_endless_work(1);
  enter(0);
  const size_t bytes = device_bytes() / 4;
  for (int i = 0; i < 6; ++i) MUST(cuMemFree_v2(allocate(bytes)));
  std::puts("has ended");
}

void out_of_memory_beside_endless_work() {
  enter(1);
  allocate_and_free();
  begin_endless_work(1);
  enter(0);
  CUdeviceptr address = 0;
  std::printf("allocate: %d\n", static_cast<int>(cuMemAlloc_v2(&address, 2 * device_bytes())));
}

CUgraphExec make_executable(CUgraph* graph) {
  CUgraphNode node = nullptr;
  CUgraphExec executable = nullptr;
  MUST(cuGraphCreate(graph, 0));
  MUST(cuGraphAddEmptyNode(&node, *graph, nullptr, 0));
  MUST(cuGraphInstantiateWithFlags(&executable, *graph, 0));
  return executable;
}

// To be run where the first of one of these calls is out of memory.
void work_without_memory() {
  enter(0);
  allocate_and_free();
  CUmodule module = nullptr;
  CUfunction kernel = nullptr;
  CUgraph graph = nullptr;
  CUgraphExecUpdateResultInfo info;
  const CUgraphExec executable = make_executable(&graph);
  MUST(cuModuleLoadData(&module, ".version 7.0\n.target sm_50\n.address_size 64\n.visible .entry k() { ret; }\n"));
  MUST(cuModuleGetFunction(&kernel, module, "k"));
  const CUresult loaded = cuFuncLoad(kernel);
  const CUresult launched = cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr);
  const CUresult updated = cuGraphExecUpdate(executable, graph, nullptr, nullptr);
  std::printf("load %d, launch %d, update %d %d\n", loaded, launched, updated,
              cuGraphExecUpdate_v2(executable, graph, &info));
}

#define CASE(name) \
  { #name, name }
const std::map<std::string, std::function<void()>> cases = {CASE(more_contexts_than_known),
                                                            CASE(green_context_of_another_device),
                                                            CASE(primary_context_ends_with_green_one),
                                                            CASE(green_context_without_memory),
                                                            CASE(green_contexts_with_memory),
                                                            CASE(retained_while_released),
                                                            CASE(address_of_an_ended_context),
                                                            CASE(loop_beside_endless_work),
                                                            CASE(out_of_memory_beside_endless_work),
                                                            CASE(work_without_memory)};

}  // namespace

int main(int count, char** arguments) {
  const auto found = count < 2 ? cases.end() : cases.find(arguments[1]);
  if (found == cases.end()) return 2;
  MUST(cuInit(0));
  found->second();
  may_end = true;
}

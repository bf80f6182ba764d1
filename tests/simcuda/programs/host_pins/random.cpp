// Random calls on random blocks of the heap.
#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "../random_calls.h"
#include "device.h"

namespace host_pins {
namespace {

constexpr size_t kPage = 4096;

// ---- blocks of the heap ----

struct Block {
  unsigned char* start;
  size_t bytes;
  bool is_new = false;  // of operator new[]
  bool is_registered = false;
  int number = 0;
};
std::vector<Block> blocks;
int last_number = 0;

using host_pins::sum_of;
unsigned sum_of(const Block& block) { return sum_of(block.start, block.bytes); }

void fill(unsigned char* start, size_t bytes) {
  const auto value = static_cast<unsigned char>(below(256));
  memset(start, value, bytes);
  start[bytes / 2] = static_cast<unsigned char>(value + 1);
}

size_t some_size() {
  constexpr size_t kOften[] = {200'000, kMiB, 3 * kMiB, 20 * kMiB};
  if (one_in(2)) return kOften[below(std::size(kOften))];
  return one_in(3) ? 1 + below(300'000) : 1 + below(kLargest);
}

void allocate() {
  Block block{nullptr, some_size()};
  block.number = ++last_number;
  const unsigned how = below(4);
  say("#" + std::to_string(block.number) + " " + text_of(block.bytes) + " way " + std::to_string(how));
  if (how == 0) block.start = static_cast<unsigned char*>(malloc(block.bytes));
  if (how == 1) block.start = static_cast<unsigned char*>(calloc(block.bytes, 1));
  if (how == 2) block.start = static_cast<unsigned char*>(aligned_alloc(kPage, block.bytes));
  if (how == 3) block.start = new unsigned char[block.bytes];
  block.is_new = how == 3;
  if (how == 1) {
    const bool is_zero = block.start[0] == 0 && memcmp(block.start, block.start + 1, block.bytes - 1) == 0;
    say(is_zero ? "zero" : "not zero");
  }
  fill(block.start, block.bytes);
  blocks.push_back(block);
}

void release(const Block& block) {
  if (block.is_new) {
    delete[] block.start;
  } else {
    free(block.start);
  }
}

void release_in_stream(void* data) {
  auto* const block = static_cast<Block*>(data);
  release(*block);
  delete block;
}

void hold_up() {
  if (!one_in(3)) MUST(cuLaunchHostFunc(stream, delay, nullptr));
}

size_t some_block() { return below(blocks.size()); }

struct Part {
  unsigned char* start;
  size_t bytes;
};
Part some_part(const Block& block) {
  const size_t offset = one_in(2) ? 0 : below(block.bytes);
  const size_t most = block.bytes - offset;
  return {block.start + offset, one_in(2) ? most : 1 + below(one_in(3) ? std::min<size_t>(most, 70'000) : most)};
}

CUDA_MEMCPY2D rows_of(const Part& part) {
  CUDA_MEMCPY2D shape{};
  shape.WidthInBytes = part.bytes / 4 + 1;
  shape.Height = std::max<size_t>(1, part.bytes / shape.WidthInBytes);
  if (shape.WidthInBytes > part.bytes) shape.WidthInBytes = part.bytes;
  shape.srcPitch = shape.dstPitch = shape.WidthInBytes;
  return shape;
}

CUresult copy_to_device(const Part& part) {
  const auto unified = reinterpret_cast<CUdeviceptr>(part.start);
  CUDA_MEMCPY2D rows = rows_of(part);
  rows.srcMemoryType = CU_MEMORYTYPE_HOST;
  rows.srcHost = part.start;
  rows.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  rows.dstDevice = memory;
  const unsigned way = below(8);
  say("way " + std::to_string(way));
  switch (way) {
    case 0:
      return cuMemcpyHtoD_v2(memory, part.start, part.bytes);
    case 1:
      return cuMemcpy(memory, unified, part.bytes);
    case 2:
      return cuMemcpyAsync(memory, unified, part.bytes, stream);
    case 3:
      return cuMemcpy2DAsync_v2(&rows, stream);
    case 4:
      return cuMemcpy2D_v2(&rows);
    case 5:
      return cuMemcpyHtoDAsync_v2_ptsz(memory, part.start, part.bytes, stream);
    default:
      return cuMemcpyHtoDAsync_v2(memory, part.start, part.bytes, stream);
  }
}

CUresult copy_to_host(const Part& part) {
  const auto unified = reinterpret_cast<CUdeviceptr>(part.start);
  CUDA_MEMCPY2D rows = rows_of(part);
  rows.dstMemoryType = CU_MEMORYTYPE_HOST;
  rows.dstHost = part.start;
  rows.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  rows.srcDevice = memory_too;
  const unsigned way = below(6);
  say("way " + std::to_string(way));
  switch (way) {
    case 0:
      return cuMemcpyDtoH_v2(part.start, memory_too, part.bytes);
    case 1:
      return cuMemcpyAsync(unified, memory_too, part.bytes, stream);
    case 2:
      return cuMemcpy2DAsync_v2(&rows, stream);
    default:
      return cuMemcpyDtoHAsync_v2(part.start, memory_too, part.bytes, stream);
  }
}

// ---- what is done with them ----

// What was copied is what was there when the call was made.
void write_to_device() {
  if (blocks.empty()) return;
  const Block& block = blocks[some_block()];
  const Part part = some_part(block);
  say("#" + std::to_string(block.number) + " " + text_of(part.bytes));
  hold_up();
  const CUresult result = copy_to_device(part);
  say("result", result);
  if (block.is_registered) MUST(cuStreamSynchronize(stream));
  fill(part.start, part.bytes);
  if (result == CUDA_SUCCESS) say(std::to_string(sum_on_device(memory, part.bytes)));
}

// It is there when the call returns.
void read_from_device() {
  if (blocks.empty()) return;
  const Block& block = blocks[some_block()];
  const Part part = some_part(block);
  say("#" + std::to_string(block.number) + " " + text_of(part.bytes));
  MUST(cuMemsetD8_v2(memory_too, static_cast<unsigned char>(below(256)), kLargest));
  MUST(cuCtxSynchronize());
  hold_up();
  say("result", copy_to_host(part));
  if (block.is_registered) MUST(cuStreamSynchronize(stream));
  say(std::to_string(sum_of(part.start, part.bytes)));
  if (block.is_registered) MUST(cuCtxSynchronize());
}

void copy_between_blocks() {
  if (blocks.size() < 2) return;
  const Block& from = blocks[some_block()];
  const Block& to = blocks[some_block()];
  const size_t bytes = std::min(from.bytes, to.bytes);
  if (from.number == to.number) return;
  say("#" + std::to_string(from.number) + " to #" + std::to_string(to.number));
  say("result", cuMemcpy(reinterpret_cast<CUdeviceptr>(to.start), reinterpret_cast<CUdeviceptr>(from.start), bytes));
  say(std::to_string(sum_of(to)));
}

// What was copied depends on where the block lies.
void clear_memory() {
  MUST(cuMemsetD8_v2(memory, 3, kLargest));
  MUST(cuCtxSynchronize());
}

// With what lies behind the bytes that were asked for, of which nobody knows what it is.
void copy_beyond() {
  if (blocks.empty()) return;
  const Block& block = blocks[some_block()];
  const size_t usable = malloc_usable_size(block.start);
  if (block.is_registered || block.is_new) return;
  say("#" + std::to_string(block.number));
  say("result", cuMemcpyHtoD_v2(memory, block.start, usable));
  clear_memory();
}

void ask() {
  if (blocks.empty()) return;
  const Block& block = blocks[some_block()];
  const auto address = reinterpret_cast<CUdeviceptr>(block.start + (one_in(2) ? 0 : below(block.bytes)));
  auto* const host = reinterpret_cast<void*>(address);
  uint64_t data[8] = {};
  CUdeviceptr base = 0;
  size_t bytes = 0;
  unsigned flags = 0;
  const unsigned on = 1;
  CUipcMemHandle handle{};
  say("#" + std::to_string(block.number));
  for (int attribute = 1; attribute <= CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE; ++attribute) {
    const CUresult result = cuPointerGetAttribute(data, static_cast<CUpointer_attribute>(attribute), address);
    say("a", result);
    if (result == CUDA_SUCCESS && attribute == CU_POINTER_ATTRIBUTE_MEMORY_TYPE) say(text_of(data[0] & 0xffffffff));
  }
  CUpointer_attribute several[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_RANGE_SIZE};
  void* places[] = {&data[0], &data[1]};
  say("several", cuPointerGetAttributes(2, several, places, address));
  say(text_of(data[0] & 0xffffffff) + "," + text_of(data[1]));
  say("range", cuMemGetAddressRange_v2(&base, &bytes, address));
  say(text_of(bytes));
  say("device pointer", cuMemHostGetDevicePointer_v2(&base, host, 0));
  say("flags", cuMemHostGetFlags(&flags, host));
  if (!block.is_registered) say("set", cuPointerSetAttribute(&on, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, address));
  say("share", cuIpcGetMemHandle(&handle, address));
  if (!block.is_registered) say("unregister", cuMemHostUnregister(host));
  say("free", cuMemFree_v2(address));
  say("free pinned", cuMemFreeHost(host));
}

void register_own() {
  if (blocks.empty()) return;
  Block& block = blocks[some_block()];
  const bool whole = one_in(2);
  say("#" + std::to_string(block.number) + (whole ? " whole" : " again"));
  const CUresult result = cuMemHostRegister_v2(block.start, block.bytes, 0);
  say("result", result);
  if (result != CUDA_SUCCESS) return;
  block.is_registered = true;
  if (whole) return;
  say("unregister", cuMemHostUnregister(block.start));
  block.is_registered = false;
}

void unregister(Block& block) {
  if (!block.is_registered) return;
  say("unregister", cuMemHostUnregister(block.start));
  block.is_registered = false;
}

void release_some() {
  if (blocks.empty()) return;
  const size_t index = some_block();
  unregister(blocks[index]);
  const Block block = blocks[index];
  const unsigned how = below(4);
  say("#" + std::to_string(block.number) + " way " + std::to_string(how));
  if (how == 0) MUST(cuLaunchHostFunc(stream, release_in_stream, new Block(block)));
  if (how == 1) std::thread([&] { release(block); }).join();
  if (how > 1) release(block);
  if (how == 0 && one_in(2)) MUST(cuStreamSynchronize(stream));
  blocks.erase(blocks.begin() + static_cast<long>(index));
}

void reallocate() {
  if (blocks.empty()) return;
  Block& block = blocks[some_block()];
  unregister(block);
  if (block.is_new) return;
  const size_t bytes = some_size();
  const size_t kept = std::min(bytes, block.bytes);
  const unsigned before = sum_of(block.start, kept);
  block.start = static_cast<unsigned char*>(realloc(block.start, bytes));
  block.bytes = bytes;
  say("#" + std::to_string(block.number) + " " + text_of(bytes));
  say(sum_of(block.start, kept) == before ? "kept" : "lost");
  fill(block.start, block.bytes);
}

// The block's whole pages read as zeros; or they may not be written for a while.
void change_pages() {
  if (blocks.empty()) return;
  Block& block = blocks[some_block()];
  unregister(block);
  auto* const first =
      reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(block.start) + kPage - 1) & ~(kPage - 1));
  if (block.start + block.bytes < first + 2 * kPage) return;
  const size_t bytes = static_cast<size_t>(block.start + block.bytes - first) & ~(kPage - 1);
  say("#" + std::to_string(block.number));
  if (one_in(2)) {
    say(std::to_string(madvise(first, bytes, MADV_DONTNEED)));
    say(first[0] == 0 && memcmp(first, first + 1, bytes - 1) == 0 ? "zero" : "not zero");
  } else {
    say(std::to_string(mprotect(first, bytes, PROT_READ)));
    say("copy", cuMemcpyHtoD_v2(memory, first, bytes));
    clear_memory();
    say(std::to_string(mprotect(first, bytes, PROT_READ | PROT_WRITE)));
  }
  fill(block.start, block.bytes);
}

void synchronise() { say("result", cuCtxSynchronize()); }

void allocate_on_device() {
  CUdeviceptr address = 0;
  void* pinned = nullptr;
  say("result", cuMemAlloc_v2(&address, kMiB));
  say("free", cuMemFree_v2(address));
  if (!one_in(4)) return;
  say("pinned", cuMemHostAlloc(&pinned, kMiB, 0));
  say("free", cuMemFreeHost(pinned));
}

void change_context() {
  MUST(cuCtxSynchronize());
  for (Block& block : blocks) unregister(block);
  if (is_primary && one_in(2)) {
    say("reset", cuDevicePrimaryCtxReset_v2(0));
    MUST(cuCtxSetCurrent(context));
  } else if (is_primary) {
    say("create", cuCtxCreate_v2(&context, 0, 0));
    is_primary = false;
  } else {
    say("destroy", cuCtxDestroy_v2(context));
    context = enter(0);
    is_primary = true;
  }
  enter_context();
}

// Work beyond all memory: an error that stays until the context ends.
void break_context() {
  if (blocks.empty()) return;
  for (Block& block : blocks) unregister(block);
  hold_up();
  say("set", cuMemsetD8Async(memory, 1, size_t{1} << 40, stream));
  const Block& block = blocks[some_block()];
  // A call that is waited for says so; others may.
  say("copy", cuMemcpyDtoHAsync_v2(block.start, memory_too, block.bytes, stream));
  say("synchronise", cuCtxSynchronize());
  fill(block.start, block.bytes);  // the copy came in time or not
  say("copy", cuMemcpyHtoDAsync_v2(memory, block.start, block.bytes, stream));
  if (is_primary) {
    say("reset", cuDevicePrimaryCtxReset_v2(0));
    MUST(cuCtxSetCurrent(context));
  } else {
    say("destroy", cuCtxDestroy_v2(context));
    context = enter(0);
    is_primary = true;
  }
  enter_context();
}

void fork_child() {
  const pid_t child = fork();
  if (child == 0) {
    for (const Block& block : blocks) {
      if (!block.is_new) free(block.start);
    }
    void* const other = malloc(3 * kMiB);
    memset(other, 1, 3 * kMiB);
    free(other);
    _exit(7);
  }
  int status = 0;
  waitpid(child, &status, 0);
  say("child " + std::to_string(WEXITSTATUS(status)));
}

// ---- graphs ----

void launch(CUgraph graph, const Part& part) {
  CUgraphExec executable = nullptr;
  MUST(cuGraphInstantiateWithFlags(&executable, graph, 0));
  for (int round = 0; round < 2; ++round) {
    fill(part.start, part.bytes);
    MUST(cuGraphLaunch(executable, stream));
    MUST(cuStreamSynchronize(stream));
    say(std::to_string(sum_on_device(memory, part.bytes)));
    if (round == 1 || !one_in(2)) continue;
    const CUresult result = cuMemHostRegister_v2(part.start, part.bytes, 0);  // it may be already
    say("register", result);
    if (result == CUDA_SUCCESS) MUST(cuMemHostUnregister(part.start));
  }
  MUST(cuGraphExecDestroy(executable));
  MUST(cuGraphDestroy(graph));
}

void capture_copy() {
  if (blocks.empty()) return;
  const Block& block = blocks[some_block()];
  const Part part{block.start, block.bytes};
  CUgraph graph = nullptr;
  constexpr CUstreamCaptureMode kModes[] = {CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL,
                                            CU_STREAM_CAPTURE_MODE_RELAXED};
  MUST(cuStreamBeginCapture_v2(stream, kModes[below(3)]));
  say("copy", cuMemcpyHtoDAsync_v2(memory, part.start, part.bytes, stream));
  const CUresult ended = cuStreamEndCapture(stream, &graph);
  say("end", ended);
  if (ended == CUDA_SUCCESS) launch(graph, part);
}

void add_copy_node() {
  if (blocks.empty()) return;
  const Block& block = blocks[some_block()];
  const Part part{block.start, block.bytes};
  CUgraph graph = nullptr;
  CUgraphNode node = nullptr;
  CUDA_MEMCPY3D shape{};
  shape.srcMemoryType = CU_MEMORYTYPE_HOST;
  shape.srcHost = part.start;
  shape.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  shape.dstDevice = memory;
  shape.WidthInBytes = part.bytes;
  shape.Height = shape.Depth = 1;
  MUST(cuGraphCreate(&graph, 0));
  say("node", cuGraphAddMemcpyNode(&node, graph, nullptr, 0, &shape, context));
  launch(graph, part);
}

// ---- random calls ----

constexpr Operation kOperations[] = {{150, "allocate", allocate},
                                     {130, "release", release_some},
                                     {200, "write", write_to_device},
                                     {200, "read", read_from_device},
                                     {20, "between", copy_between_blocks},
                                     {20, "beyond", copy_beyond},
                                     {60, "ask", ask},
                                     {15, "register", register_own},
                                     {30, "reallocate", reallocate},
                                     {6, "pages", change_pages},
                                     {20, "synchronise", synchronise},
                                     {40, "on device", allocate_on_device},
                                     {8, "context", change_context},
                                     {4, "break", break_context},
                                     {2, "fork", fork_child},
                                     {20, "capture", capture_copy},
                                     {20, "node", add_copy_node}};
constexpr size_t kWithoutGraphs = std::size(kOperations) - 2;

}  // namespace

void run_random(unsigned seed, unsigned long calls, bool with_graphs) {
  random_source.seed(seed);
  for (unsigned long i = 0; i < calls; ++i) {
    const bool may_make_graphs = with_graphs && i > calls / 2;
    const Operation& operation = some_operation(kOperations, may_make_graphs ? std::size(kOperations) : kWithoutGraphs);
    if (blocks.size() > 12 && operation.run == allocate) continue;
    line = std::to_string(i) + ": " + operation.name;
    operation.run();
    std::puts(line.c_str());
    std::fflush(stdout);  // a child has none of it
  }
}

}  // namespace host_pins

// Copies big blocks of its heap to and from devices and does with them what a program may: changes them right after an asynchronous copy,
// asks the driver about them, registers them itself, frees, reallocates and maps them anew, frees them in a host function of a stream, ends
// contexts, forks. Prints what it finds: the output must be the same whether the blocks are page-locked behind its back or not.
//
//   cuda_host_pins random SEED CALLS [graphs]   random calls; graphs: also captured copies and copy nodes
//   cuda_host_pins CASE                         one of the cases below
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "random_calls.h"

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kLargest = 24 * kMiB;
constexpr useconds_t kDelay = 300;

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

// Its first, middle and last bytes.
unsigned sum_of(const unsigned char* start, size_t bytes) {
  unsigned sum = 0;
  const size_t step = bytes / 61 + 1;
  for (size_t i = 0; i < bytes; i += step) sum = sum * 31 + start[i];
  return sum * 31 + start[bytes - 1];
}
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

// ---- the device ----

CUcontext context;
bool is_primary = true;
CUstream stream;
CUdeviceptr memory, memory_too;

void enter_context() {
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  MUST(cuMemAlloc_v2(&memory, kLargest));
  MUST(cuMemAlloc_v2(&memory_too, kLargest));
  MUST(cuMemsetD8_v2(memory, 3, kLargest));
  MUST(cuMemsetD8_v2(memory_too, 4, kLargest));
  MUST(cuCtxSynchronize());
}

void delay(void*) { usleep(kDelay); }
void hold_up() {
  if (!one_in(3)) MUST(cuLaunchHostFunc(stream, delay, nullptr));
}

unsigned sum_on_device(CUdeviceptr address, size_t bytes) {
  static unsigned char* const back =
      static_cast<unsigned char*>(mmap(nullptr, kLargest, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(cuCtxSynchronize());
  MUST(cuMemcpyDtoH_v2(back, address, bytes));
  return sum_of(back, bytes);
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

int run_random(unsigned seed, unsigned long calls, bool with_graphs) {
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
  return 0;
}

// ---- cases ----

// Also right before a free, where the compiler knows that nobody reads it.
void set(unsigned char* start, unsigned char value, size_t bytes) {
  memset(start, value, bytes);
  asm volatile("" : : "r"(start) : "memory");
}

unsigned char* filled(size_t bytes, unsigned char value) {
  auto* const start = static_cast<unsigned char*>(malloc(bytes));
  set(start, value, bytes);
  return start;
}

std::atomic<bool> may_go_on{false};
void wait_for_program(void*) {
  while (!may_go_on.load()) usleep(100);
}

// The stream waits for the program, which copies a little of a block meanwhile: such a copy does not wait.
void small_copies() {
  unsigned char* const block = filled(4 * kMiB, 5);
  MUST(cuMemcpyHtoD_v2(memory, block, 4 * kMiB));
  MUST(cuLaunchHostFunc(stream, wait_for_program, nullptr));
  MUST(cuMemcpyHtoDAsync_v2(memory, block, 64 << 10, stream));
  MUST(cuMemcpyAsync(memory + kMiB, reinterpret_cast<CUdeviceptr>(block), 1000, stream));
  set(block, 6, 4 * kMiB);
  may_go_on = true;
  MUST(cuStreamSynchronize(stream));
  std::printf("%u %u\n", sum_on_device(memory, 64 << 10), sum_on_device(memory + kMiB, 1000));
  free(block);
}

// Copies, frees and allocates the same over and over.
void loop() {
  for (unsigned char round = 0; round < 50; ++round) {
    unsigned char* const block = filled(2 * kMiB, round);
    MUST(cuLaunchHostFunc(stream, delay, nullptr));
    MUST(cuMemcpyHtoDAsync_v2(memory, block, 2 * kMiB, stream));
    set(block, 255, 2 * kMiB);
    free(block);
    std::printf("%u\n", sum_on_device(memory, 2 * kMiB));
  }
}

// Many at once, freed together.
void many() {
  std::vector<unsigned char*> all;
  for (int i = 0; i < 24; ++i) all.push_back(filled(20 * kMiB, static_cast<unsigned char>(i)));
  for (unsigned char* block : all) MUST(cuMemcpyHtoD_v2(memory, block, 20 * kMiB));
  for (unsigned char* block : all) free(block);
  CUdeviceptr address = 0;
  MUST(cuMemAlloc_v2(&address, kMiB));
  MUST(cuMemFree_v2(address));
  std::puts("done");
}

// A block that was copied before becomes a node's, and is registered by the program between the graph's launches.
void graph() {
  unsigned char* const block = filled(4 * kMiB, 1);
  CUgraph made = nullptr;
  CUgraphExec executable = nullptr;
  MUST(cuMemcpyHtoD_v2(memory, block, 4 * kMiB));
  MUST(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  MUST(cuMemcpyHtoDAsync_v2(memory, block, 4 * kMiB, stream));
  MUST(cuStreamEndCapture(stream, &made));
  MUST(cuGraphInstantiateWithFlags(&executable, made, 0));
  for (unsigned char round = 2; round < 5; ++round) {
    set(block, round, 4 * kMiB);
    MUST(cuGraphLaunch(executable, stream));
    std::printf("%u\n", sum_on_device(memory, 4 * kMiB));
    MUST(cuMemHostRegister_v2(block, 4 * kMiB, 0));
    MUST(cuMemHostUnregister(block));
  }
}

// The end of the context comes while blocks are registered and while others are aside.
void contexts() {
  unsigned char* const live = filled(20 * kMiB, 1);
  unsigned char* const freed = filled(20 * kMiB, 2);
  MUST(cuMemcpyHtoD_v2(memory, live, 20 * kMiB));
  MUST(cuMemcpyHtoD_v2(memory, freed, 20 * kMiB));
  free(freed);
  MUST(cuDevicePrimaryCtxReset_v2(0));
  MUST(cuCtxSetCurrent(context));
  enter_context();
  MUST(cuMemcpyHtoD_v2(memory, live, 20 * kMiB));
  free(live);
  unsigned char* const other = filled(20 * kMiB, 3);
  MUST(cuMemcpyHtoD_v2(memory, other, 20 * kMiB));
  std::printf("%u\n", sum_on_device(memory, 20 * kMiB));
}

// More than there is: whatever was registered is of no avail to anybody.
void out_of_memory() {
  unsigned char* const live = filled(4 * kMiB, 1);
  unsigned char* const freed = filled(20 * kMiB, 2);
  MUST(cuMemcpyHtoD_v2(memory, live, 4 * kMiB));
  MUST(cuMemcpyHtoD_v2(memory, freed, 20 * kMiB));
  free(freed);
  CUdeviceptr address = 0;
  std::printf("%d\n", cuMemAlloc_v2(&address, size_t{1} << 50));
  set(live, 3, 4 * kMiB);
  MUST(cuMemcpyHtoDAsync_v2(memory, live, 4 * kMiB, stream));
  set(live, 4, 4 * kMiB);
  std::printf("%u\n", sum_on_device(memory, 4 * kMiB));
}

unsigned char* block_of_handler;
void free_in_handler(int) { free(block_of_handler); }

void handler() {
  signal(SIGUSR1, free_in_handler);
  for (int i = 0; i < 3; ++i) {
    block_of_handler = filled(20 * kMiB, 9);
    MUST(cuMemcpyHtoD_v2(memory, block_of_handler, 20 * kMiB));
    raise(SIGUSR1);
    CUdeviceptr address = 0;
    MUST(cuMemAlloc_v2(&address, kMiB));
    MUST(cuMemFree_v2(address));
  }
  std::puts("done");
}

// Threads copy their own blocks, and one that all share, while others free and register theirs.
void threads() {
  unsigned char* const shared = filled(8 * kMiB, 77);
  std::vector<std::thread> all;
  std::atomic<int> wrong{0};
  for (unsigned number = 0; number < 4; ++number) {
    all.emplace_back([&, number] {
      MUST(cuCtxSetCurrent(context));
      CUstream own = nullptr;
      CUdeviceptr place = 0;
      std::mt19937 random(number);
      std::vector<unsigned char> back(2 * kMiB);
      MUST(cuStreamCreate(&own, CU_STREAM_NON_BLOCKING));
      MUST(cuMemAlloc_v2(&place, 8 * kMiB));
      for (unsigned round = 0; round < 60; ++round) {
        const auto value = static_cast<unsigned char>(random());
        unsigned char* const block = filled(2 * kMiB, value);
        MUST(cuMemcpyHtoDAsync_v2(place, block, 2 * kMiB, own));
        set(block, 0, 2 * kMiB);
        MUST(cuMemcpyDtoHAsync_v2(block, place, 2 * kMiB, own));
        wrong += block[0] != value || block[2 * kMiB - 1] != value;
        if (random() % 4 == 0) {
          MUST(cuMemHostRegister_v2(block, 2 * kMiB, 0));
          MUST(cuMemHostUnregister(block));
        }
        free(block);
        MUST(cuMemcpyHtoDAsync_v2(place, shared, 8 * kMiB, own));
        MUST(cuMemcpyDtoH_v2(back.data(), place + 6 * kMiB, 2 * kMiB));
        wrong += back[0] != 77;
        if (random() % 8 == 0) {
          CUdeviceptr other = 0;
          MUST(cuMemAlloc_v2(&other, kMiB));
          MUST(cuMemFree_v2(other));
        }
      }
    });
  }
  for (std::thread& thread : all) thread.join();
  std::printf("%d wrong\n", wrong.load());
}

struct Case {
  const char* name;
  void (*run)();
};
constexpr Case kCases[] = {{"small", small_copies},
                           {"loop", loop},
                           {"many", many},
                           {"graph", graph},
                           {"contexts", contexts},
                           {"handler", handler},
                           {"out of memory", out_of_memory},
                           {"threads", threads}};

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  MUST(cuInit(0));
  context = enter(0);
  enter_context();
  if (strcmp(arguments[1], "random") == 0 && count >= 4) {
    return run_random(static_cast<unsigned>(strtoul(arguments[2], nullptr, 0)), strtoul(arguments[3], nullptr, 0),
                      count > 4);
  }
  for (const Case& one : kCases) {
    if (strcmp(arguments[1], one.name) == 0) {
      one.run();
      return 0;
    }
  }
  return 2;
}

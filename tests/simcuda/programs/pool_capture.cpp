// What becomes of calls, and of the capture, that are made while a stream captures: printed for each mode of a capture, in the capturing
// thread and in another, with blocks that a pool has kept.
//
//   cuda_pool_capture matrix
//   cuda_pool_capture race     threads begin captures while others allocate and free
//   cuda_pool_capture ends     captures end with their streams, and the program goes on; needs two devices
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "must.h"

namespace {

constexpr CUstreamCaptureMode kModes[] = {CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL,
                                          CU_STREAM_CAPTURE_MODE_RELAXED};
constexpr const char* kModeNames[] = {"global", "thread-local", "relaxed"};
constexpr size_t kKept = 2 * kMiB, kNew = 6 * kMiB;

CUcontext context;
CUstream capturing, working;
CUevent event;
CUdeviceptr written;

// Live when the calls are made: to be freed by them.
CUdeviceptr device_block;
void* pinned_block;

CUresult allocate(size_t bytes) {
  CUdeviceptr address = 0;
  const CUresult result = cuMemAlloc_v2(&address, bytes);
  if (result == CUDA_SUCCESS) written = address;
  return result;
}

CUresult allocate_pinned() {
  void* address = nullptr;
  return cuMemHostAlloc(&address, kKept, 0);  // stays
}

struct Call {
  const char* name;
  std::function<CUresult()> make;
};
const Call kCalls[] = {
    {"allocate what is kept", [] { return allocate(kKept); }},
    {"allocate anew", [] { return allocate(kNew); }},
    {"allocate more than there is", [] { return allocate(size_t{1} << 50); }},
    {"allocate pinned", allocate_pinned},
    {"free", [] { return cuMemFree_v2(device_block); }},
    {"free null", [] { return cuMemFree_v2(0); }},
    {"free wrongly", [] { return cuMemFree_v2(device_block + 512); }},
    {"free pinned", [] { return cuMemFreeHost(pinned_block); }},
    {"synchronise the context", [] { return cuCtxSynchronize(); }},
    {"synchronise a stream", [] { return cuStreamSynchronize(working); }},
    {"synchronise the capturing stream", [] { return cuStreamSynchronize(capturing); }},
    {"query an event", [] { return cuEventQuery(event); }},
    {"query a stream", [] { return cuStreamQuery(working); }},
    {"ask for memory",
     [] {
       size_t free_bytes = 0;
       return cuMemGetInfo_v2(&free_bytes, nullptr);
     }},
    {"ask for a range",
     [] {
       CUdeviceptr base = 0;
       return cuMemGetAddressRange_v2(&base, nullptr, device_block);
     }},
    {"allocate in a stream",
     [] {
       CUdeviceptr address = 0;
       return cuMemAllocAsync(&address, kKept, working);
     }},
};

// Some blocks that were freed and whose work is known to be done, and one of which a pool that does not wait cannot know it: its stream
// was waited for, and no other.
void keep_blocks() {
  CUdeviceptr blocks[3];
  void* pinned = nullptr;
  for (CUdeviceptr& block : blocks) MUST(cuMemAlloc_v2(&block, kKept));
  MUST(cuMemHostAlloc(&pinned, kKept, 0));
  for (CUdeviceptr& block : blocks) MUST(cuMemFree_v2(block));
  MUST(cuMemFreeHost(pinned));
  MUST(cuCtxSynchronize());
  MUST(cuMemAlloc_v2(&device_block, kKept));
  MUST(cuMemHostAlloc(&pinned_block, kKept, 0));
  CUdeviceptr late = 0;
  MUST(cuMemAlloc_v2(&late, kKept));
  MUST(cuMemsetD8Async(late, 1, kKept, working));
  MUST(cuMemFree_v2(late));
  MUST(cuEventRecord(event, working));
  MUST(cuStreamSynchronize(working));
}

void make(const Call& call, CUstreamCaptureMode mode, bool in_other_thread, CUstreamCaptureMode own_mode) {
  keep_blocks();
  MUST(cuStreamBeginCapture_v2(capturing, mode));
  MUST(cuMemsetD8Async(device_block, 1, 64, capturing));
  CUresult result = CUDA_SUCCESS;
  const auto as_thread = [&] {
    MUST(cuCtxSetCurrent(context));
    CUstreamCaptureMode exchanged = own_mode;
    MUST(cuThreadExchangeStreamCaptureMode(&exchanged));
    result = call.make();
    MUST(cuThreadExchangeStreamCaptureMode(&exchanged));
  };
  if (in_other_thread) {
    std::thread(as_thread).join();
  } else {
    as_thread();
  }
  CUgraph graph = nullptr;
  const CUresult ended = cuStreamEndCapture(capturing, &graph);
  if (graph != nullptr) MUST(cuGraphDestroy(graph));
  std::printf("%s capture, %s thread, own mode %s, %s: %d, capture %d\n", kModeNames[mode],
              in_other_thread ? "other" : "same", kModeNames[own_mode], call.name, result, ended);
}

void matrix() {
  for (const CUstreamCaptureMode mode : kModes) {
    for (const bool in_other_thread : {false, true}) {
      for (const CUstreamCaptureMode own_mode : kModes) {
        for (const Call& call : kCalls) make(call, mode, in_other_thread, own_mode);
      }
    }
  }
}

// ---- race ----

std::atomic<bool> is_over{false};
std::atomic<int> refused{0}, served{0};

void allocate_and_free() {
  MUST(cuCtxSetCurrent(context));
  while (!is_over) {
    CUdeviceptr address = 0;
    void* pinned = nullptr;
    refused += cuMemAlloc_v2(&address, kKept) != CUDA_SUCCESS;
    refused += cuMemHostAlloc(&pinned, kKept, 0) != CUDA_SUCCESS;
    refused += cuMemsetD8Async(address, 1, 64, working) != CUDA_SUCCESS;
    refused += cuMemFree_v2(address) != CUDA_SUCCESS;
    refused += cuMemFreeHost(pinned) != CUDA_SUCCESS;
    ++served;
  }
}

void race() {
  constexpr int kCaptures = 300;
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) others.emplace_back(allocate_and_free);
  const CUdeviceptr block = device_block;
  int spoilt = 0;
  for (int i = 0; i < kCaptures; ++i) {
    MUST(cuStreamBeginCapture_v2(capturing, kModes[1 + i % 2]));
    usleep(static_cast<useconds_t>(i % 7) * 100);
    CUgraph graph = nullptr;
    // Once spoilt it takes no more work.
    const CUresult queued = cuMemsetD8Async(block, 1, 64, capturing);
    const CUresult ended = cuStreamEndCapture(capturing, &graph);
    if (graph != nullptr) MUST(cuGraphDestroy(graph));
    spoilt += queued != CUDA_SUCCESS || ended != CUDA_SUCCESS;
    usleep(static_cast<useconds_t>(i % 5) * 100);
  }
  is_over = true;
  for (std::thread& other : others) other.join();
  std::printf("{\"captures\":%d,\"spoilt\":%d,\"served\":%d,\"refused\":%d}\n", kCaptures, spoilt, served.load(),
              refused.load());
}

// ---- ends ----

CUstream begin_in(CUstream stream, CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL) {
  MUST(cuStreamBeginCapture_v2(stream, mode));
  return stream;
}

CUstream create_stream() {
  CUstream stream = nullptr;
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  return stream;
}

// Another stream, which is a part of the capture.
CUstream join(CUstream origin) {
  const CUstream joined = create_stream();
  CUevent fork = nullptr;
  MUST(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
  MUST(cuEventRecord(fork, origin));
  MUST(cuStreamWaitEvent(joined, fork, 0));
  MUST(cuEventDestroy_v2(fork));
  return joined;
}

void with_its_stream() { MUST(cuStreamDestroy_v2(begin_in(create_stream()))); }

void with_its_stream_by_the_old_name() { MUST(cuStreamDestroy(begin_in(create_stream()))); }

void spoilt_before() {
  const CUstream stream = begin_in(create_stream());
  if (cuCtxSynchronize() != CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED) fail();
  MUST(cuStreamDestroy_v2(stream));
}

void forked_before() {
  const CUstream origin = begin_in(create_stream()), joined = join(origin);
  MUST(cuStreamDestroy_v2(origin));
  MUST(cuStreamDestroy_v2(joined));
}

void with_a_context() {
  CUcontext other = nullptr;
  MUST(cuCtxCreate_v2(&other, 0, 0));
  begin_in(create_stream());
  begin_in(CU_STREAM_PER_THREAD);
  MUST(cuCtxDestroy_v2(other));
}

void with_a_primary_context_reset() {
  enter(1);
  begin_in(create_stream());
  MUST(cuDevicePrimaryCtxReset_v2(1));
  MUST(cuDevicePrimaryCtxRelease_v2(1));
}

void with_a_primary_context_released() {
  enter(1);
  begin_in(create_stream());
  MUST(cuDevicePrimaryCtxRelease_v2(1));
}

void with_a_green_context() {
  CUdevResource all;
  CUdevResourceDesc description = nullptr;
  CUgreenCtx green = nullptr;
  CUstream stream = nullptr;
  MUST(cuDeviceGetDevResource(0, &all, CU_DEV_RESOURCE_TYPE_SM));
  MUST(cuDevResourceGenerateDesc(&description, &all, 1));
  MUST(cuGreenCtxCreate(&green, description, 0, CU_GREEN_CTX_DEFAULT_STREAM));
  MUST(cuGreenCtxStreamCreate(&stream, green, CU_STREAM_NON_BLOCKING, 0));
  begin_in(stream);
  MUST(cuGreenCtxDestroy(green));
}

constexpr struct {
  const char* name;
  void (*run)();
} kEnds[] = {{"with its stream", with_its_stream},
             {"with its stream, by the old name", with_its_stream_by_the_old_name},
             {"spoilt before", spoilt_before},
             {"forked before", forked_before},
             {"with a context", with_a_context},
             {"with a primary context that is reset", with_a_primary_context_reset},
             {"with a primary context that is released", with_a_primary_context_released},
             {"with a green context", with_a_green_context}};

// How many rounds of a program's were refused.
int refused_after() {
  constexpr int kRounds = 200;
  MUST(cuCtxSetCurrent(context));
  int count = 0;
  for (int i = 0; i < kRounds; ++i) {
    CUdeviceptr address = 0;
    const bool is_served = cuMemAlloc_v2(&address, kKept) == CUDA_SUCCESS && cuCtxSynchronize() == CUDA_SUCCESS &&
                           cuMemFree_v2(address) == CUDA_SUCCESS;
    count += !is_served;
  }
  return count;
}

// The end of a stream that has only joined is no capture's.
void goes_on() {
  const CUstream origin = begin_in(create_stream(), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
  MUST(cuStreamDestroy_v2(join(origin)));
  CUresult freed = CUDA_ERROR_UNKNOWN;
  std::thread([&] {
    MUST(cuCtxSetCurrent(context));
    freed = cuMemFree_v2(device_block);
  }).join();
  CUgraph graph = nullptr;
  std::printf("goes on: free %d, ", freed);
  std::printf("capture %d\n", cuStreamEndCapture(origin, &graph));
}

void ends() {
  goes_on();
  for (const auto& end : kEnds) {
    end.run();
    std::printf("%s: %d refused\n", end.name, refused_after());
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  MUST(cuInit(0));
  context = enter(0);
  MUST(cuStreamCreate(&capturing, CU_STREAM_NON_BLOCKING));
  MUST(cuStreamCreate(&working, CU_STREAM_NON_BLOCKING));
  MUST(cuEventCreate(&event, 0));
  keep_blocks();
  switch (arguments[1][0]) {
    case 'm':
      matrix();
      break;
    case 'r':
      race();
      break;
    default:
      ends();
  }
  return 0;
}

// Shows on a device, real or simulated, whether memory is given out again while work that was queued before its free is pending. Threads
// fill a block, queue a kernel of a millisecond and behind it a read and a write of the block, free it, allocate the same size at once and
// fill that. The late read must find what the block held, and the late write must not be seen in memory that was given out since.
//
//   never_early ROUNDS [early]    early: reuses the block itself, without a free, to show that it is seen
//
// Prints a row for each way to queue work that the device has, and each kind of memory. The work is queued from contexts and streams of
// every kind; a second device is used where its contexts can reach the first one's memory.
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>

#include "driver.h"

namespace {

constexpr size_t kThreads = 4;
constexpr uint64_t kDelayNs = 1000000;
constexpr size_t kSizes[] = {512, 3000, 64 * kKiB, kMiB, kMiB + 1, 2 * kMiB + 1};
constexpr size_t kSeenBytes = 64 * kKiB;  // of a block, at most
constexpr unsigned char kHeld = 0x11, kLate = 0x22, kFresh = 0x33;

// ---- contexts ----

// What a thread needs of a context.
struct Place {
  CUcontext context = nullptr;
  const Delay* delay = nullptr;  // a kernel is of one context
};

Place place_of(CUcontext context) {
  CHECK(cuCtxSetCurrent(context));
  return {context, new Delay};  // kept until the end
}

CUcontext second_context(CUdevice device) {
  CUcontext context = nullptr;
  CHECK(cuCtxCreate(&context, nullptr, 0, device));
  return context;
}

// nullptr where the device cannot be divided.
CUcontext green_context(CUdevice device) {
  CUdevResource all, group;
  CUdevResourceDesc description = nullptr;
  CUgreenCtx green = nullptr;
  CUcontext context = nullptr;
  unsigned count = 1;
  if (cuDeviceGetDevResource(device, &all, CU_DEV_RESOURCE_TYPE_SM) != CUDA_SUCCESS) return nullptr;
  if (cuDevSmResourceSplitByCount(&group, &count, &all, nullptr, 0, all.sm.smCount / 2) != CUDA_SUCCESS) return nullptr;
  if (cuDevResourceGenerateDesc(&description, &group, 1) != CUDA_SUCCESS) return nullptr;
  if (cuGreenCtxCreate(&green, description, device, CU_GREEN_CTX_DEFAULT_STREAM) != CUDA_SUCCESS) return nullptr;
  return cuCtxFromGreenCtx(&context, green) == CUDA_SUCCESS ? context : nullptr;
}

// The primary context of another device that may use this context's memory; nullptr where there is none.
CUcontext peer_context(CUdevice device, CUcontext memory_of) {
  int devices = 0;
  CHECK(cuDeviceGetCount(&devices));
  for (CUdevice other = 0; other < devices; ++other) {
    int can = 0;
    CUcontext context = nullptr;
    if (other == device || cuDeviceCanAccessPeer(&can, other, device) != CUDA_SUCCESS || can == 0) continue;
    CHECK(cuDevicePrimaryCtxRetain(&context, other));
    CHECK(cuCtxSetCurrent(context));
    if (cuCtxEnablePeerAccess(memory_of, 0) == CUDA_SUCCESS) return context;
  }
  return nullptr;
}

// ---- ways to queue work ----

enum class Queued : uint8_t { straight, across_an_event, as_a_graph };

struct Way {
  const char* name;
  const Place* memory;  // where blocks are allocated
  const Place* user;    // where work is queued
  CUstream stream;      // or nullptr: one of its own for each thread, with these flags
  unsigned flags = CU_STREAM_NON_BLOCKING;
  bool is_urgent = false;
  Queued queued = Queued::straight;
};

struct Counts {
  std::atomic<unsigned> allocations{0}, reused{0}, changed{0}, spoiled{0};
};

// Addresses that were freed: a block that lies at one is a reused one.
class Freed {
 public:
  void add(CUdeviceptr address) {
    const std::lock_guard guard(mutex_);
    addresses_.insert(address);
  }
  bool has(CUdeviceptr address) {
    const std::lock_guard guard(mutex_);
    return addresses_.count(address) != 0;
  }

 private:
  std::mutex mutex_;
  std::set<CUdeviceptr> addresses_;
};
Freed freed;
bool reuses_early = false;

CUdeviceptr allocate(bool pinned, size_t bytes) {
  CUdeviceptr block = 0;
  void* host = nullptr;
  if (!pinned) CHECK(cuMemAlloc(&block, bytes));
  if (pinned) CHECK(cuMemHostAlloc(&host, bytes, CU_MEMHOSTALLOC_PORTABLE));
  return pinned ? reinterpret_cast<CUdeviceptr>(host) : block;
}

void release(bool pinned, CUdeviceptr block) {
  freed.add(block);
  if (pinned) CHECK(cuMemFreeHost(reinterpret_cast<void*>(block)));
  if (!pinned) CHECK(cuMemFree(block));
}

CUstream make_stream(const Way& way) {
  CUstream stream = nullptr;
  int least = 0, greatest = 0;
  CHECK(cuCtxGetStreamPriorityRange(&least, &greatest));
  CHECK(cuStreamCreateWithPriority(&stream, way.flags, way.is_urgent ? greatest : least));
  return stream;
}

// One thread's part of one way.
class Worker {
 public:
  Worker(const Way& way, bool pinned, Counts& counts) : way_(way), pinned_(pinned), counts_(counts) {
    enter(*way.user);
    stream_ = way.stream != nullptr ? way.stream : make_stream(way);
    // Any two streams of one context: work goes on in the second.
    next_ = make_stream(way);
    CHECK(cuMemHostAlloc(&host_, 2 * kSeenBytes, CU_MEMHOSTALLOC_PORTABLE));
    enter(*way.memory);
    CHECK(cuStreamCreate(&own_, CU_STREAM_NON_BLOCKING));
  }

  void go_round(size_t bytes) {
    const size_t seen = std::min(bytes, kSeenBytes);
    enter(*way_.memory);
    const CUdeviceptr first = allocate(pinned_, bytes);
    count(first);
    enter(*way_.user);
    queue_work(first, seen);
    enter(*way_.memory);
    if (!reuses_early) release(pinned_, first);
    const CUdeviceptr second = reuses_early ? first : allocate(pinned_, bytes);
    count(second);
    CHECK(cuMemsetD8Async(second, kFresh, seen, own_));
    CHECK(cuStreamSynchronize(own_));
    enter(*way_.user);
    CHECK(cuStreamSynchronize(stream_));
    CHECK(cuStreamSynchronize(next_));
    enter(*way_.memory);
    CHECK(cuMemcpyAsync(reinterpret_cast<CUdeviceptr>(after()), second, seen, own_));
    CHECK(cuStreamSynchronize(own_));
    counts_.changed += !is_all(before(), kHeld, seen);
    counts_.spoiled += !is_all(after(), kFresh, seen);
    release(pinned_, second);
    drop_graph();
  }

 private:
  static void enter(const Place& place) { CHECK(cuCtxSetCurrent(place.context)); }
  unsigned char* before() const { return static_cast<unsigned char*>(host_); }  // what the late read found
  unsigned char* after() const { return before() + kSeenBytes; }                // what the fresh block holds at last

  static bool is_all(const unsigned char* bytes, unsigned char value, size_t count) {
    return bytes[0] == value && memcmp(bytes, bytes + 1, count - 1) == 0;
  }

  void count(CUdeviceptr block) {
    ++counts_.allocations;
    counts_.reused += freed.has(block);
  }

  void queue_work(CUdeviceptr block, size_t seen) {
    memset(before(), 0, seen);
    CHECK(cuMemsetD8Async(block, kHeld, seen, stream_));
    way_.user->delay->launch(stream_, kDelayNs);
    if (way_.queued == Queued::as_a_graph) return queue_graph(block, seen);
    const CUstream last = way_.queued == Queued::across_an_event ? go_on_in_next() : stream_;
    queue_late(block, seen, last);
  }

  void queue_late(CUdeviceptr block, size_t seen, CUstream stream) {
    CHECK(cuMemcpyAsync(reinterpret_cast<CUdeviceptr>(before()), block, seen, stream));
    CHECK(cuMemsetD8Async(block, kLate, seen, stream));
  }

  CUstream go_on_in_next() {
    CUevent event = nullptr;
    CHECK(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    CHECK(cuEventRecord(event, stream_));
    CHECK(cuStreamWaitEvent(next_, event, 0));
    CHECK(cuEventDestroy(event));
    return next_;
  }

  void queue_graph(CUdeviceptr block, size_t seen) {
    CUgraph graph = nullptr;
    CHECK(cuStreamBeginCapture(next_, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    queue_late(block, seen, next_);
    CHECK(cuStreamEndCapture(next_, &graph));
    CHECK(cuGraphInstantiateWithFlags(&graph_, graph, 0));
    CHECK(cuGraphLaunch(graph_, stream_));
    CHECK(cuGraphDestroy(graph));
  }

  // To destroy it earlier could wait for it.
  void drop_graph() {
    if (graph_ != nullptr) CHECK(cuGraphExecDestroy(graph_));
    graph_ = nullptr;
  }

  const Way& way_;
  const bool pinned_;
  Counts& counts_;
  CUstream stream_ = nullptr, next_ = nullptr, own_ = nullptr;
  CUgraphExec graph_ = nullptr;
  void* host_ = nullptr;
};

std::string try_way(const Way& way, bool pinned, int rounds) {
  Counts counts;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Worker worker(way, pinned, counts);
      for (int round = 0; round < rounds; ++round) worker.go_round(kSizes[(i + round) % std::size(kSizes)]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return text(R"({"way": "%s", "memory": "%s", "allocations": %u, "reused": %u, "changed": %u, "spoiled": %u})",
              way.name, pinned ? "pinned" : "device", counts.allocations.load(), counts.reused.load(),
              counts.changed.load(), counts.spoiled.load());
}

std::vector<Way> ways_of(const Place& primary) {
  std::vector<Way> ways = {{"the legacy default stream", &primary, &primary, CU_STREAM_LEGACY},
                           {"the per-thread default stream", &primary, &primary, CU_STREAM_PER_THREAD},
                           {"a blocking stream", &primary, &primary, nullptr, CU_STREAM_DEFAULT},
                           {"a non-blocking stream", &primary, &primary, nullptr},
                           {"a stream of high priority", &primary, &primary, nullptr, CU_STREAM_NON_BLOCKING, true}};
  ways.push_back({"another stream, by an event", &primary, &primary, nullptr});
  ways.back().queued = Queued::across_an_event;
  ways.push_back({"a graph", &primary, &primary, nullptr});
  ways.back().queued = Queued::as_a_graph;
  return ways;
}

void add_other_contexts(std::vector<Way>& ways, CUdevice device, const Place& primary) {
  static std::vector<Place> places;
  places.reserve(3);  // the ways point to them
  places.push_back(place_of(second_context(device)));
  ways.push_back({"a context of its own", &places.back(), &places.back(), nullptr});
  if (const CUcontext green = green_context(device); green != nullptr) {
    places.push_back(place_of(green));
    ways.push_back({"a green context", &primary, &places.back(), nullptr});
  }
  if (const CUcontext peer = peer_context(device, primary.context); peer != nullptr) {
    places.push_back(place_of(peer));
    ways.push_back({"a stream of another device", &primary, &places.back(), nullptr});
  }
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? atoi(arguments[1]) : 12;
  reuses_early = count > 2;
  const CUdevice device = start();
  CUcontext context = nullptr;
  CHECK(cuCtxGetCurrent(&context));
  const Place primary = place_of(context);
  std::vector<Way> ways = ways_of(primary);
  add_other_contexts(ways, device, primary);
  CHECK(cuCtxSetCurrent(context));
  Rows rows;
  for (const Way& way : ways) {
    for (const bool pinned : {false, true}) rows.add(try_way(way, pinned, rounds));
  }
}

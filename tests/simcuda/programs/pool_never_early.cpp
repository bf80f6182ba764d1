// Shows whether memory is given out again before the work that was queued ahead of its free is done: threads allocate, queue work that
// takes its time in streams of every kind, and free at once. Every block says which work is pending on it; memory that is given out while
// some is, given out twice, or changed under queued work is an error.
//
//   cuda_pool_never_early OPERATIONS SEED [early|switches|ordered|apart]
//
// early: keeps blocks itself and reuses them too early, to show that it is seen. switches: another thread has Weir change the pools' mode
// and give memory back all the while. ordered: all streams are such that the legacy default stream waits for them, and threads wait for
// that one. apart: one thread, whose work is in a stream that the legacy default stream does not wait for, waits for that one.
//
// Prints what it did; the exit status is 1 where something was wrong. Needs two devices.
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <thread>
#include <vector>

#include "../../../include/weir/weir.h"
#include "must.h"

namespace {

constexpr size_t kThreads = 8;
constexpr size_t kMostLive = 6;   // blocks of a thread
constexpr int kMostPending = 24;  // pieces of work of a thread
constexpr size_t kSizes[] = {512, 3000, 65536, kMiB, kMiB + 1, 2 * kMiB + 1};
constexpr size_t kCanaryBytes = 64;

std::atomic<uint64_t> early{0}, twice{0}, changed{0}, spoiled{0}, reused{0}, allocated{0}, launched{0};
bool reuses_early = false;  // by itself
bool is_ordered = false;

// ---- what is given out, and what is freed with work pending ----

// Of one allocation: shared by its owner and the work that uses it.
struct Use {
  explicit Use(unsigned char value) : canary(value) {}
  const unsigned char canary;
  std::atomic<int> pending{0};
};
using UsePointer = std::shared_ptr<Use>;

struct Range {
  uintptr_t end;
  UsePointer use;
};

class Ranges {
 public:
  // The driver gave it out just now.
  void give(uintptr_t begin, size_t bytes, const UsePointer& use) {
    const std::lock_guard guard(mutex_);
    if (overlaps(live_, begin, begin + bytes)) ++twice;
    bool is_reused = false;
    for (auto next = first(freed_, begin); next != freed_.end() && next->first < begin + bytes;) {
      if (next->second.end <= begin) {
        ++next;
        continue;
      }
      is_reused = true;
      // Only ever falls: what is pending now was when the memory was given out.
      if (next->second.use->pending > 0) ++early;
      next = freed_.erase(next);
    }
    if (is_reused) ++reused;
    live_[begin] = {begin + bytes, use};
  }

  // It is about to be freed.
  void take(uintptr_t begin) {
    const std::lock_guard guard(mutex_);
    auto node = live_.extract(begin);
    freed_[begin] = node.mapped();
  }

 private:
  using Map = std::map<uintptr_t, Range>;
  // Where ranges begin that may reach beyond `begin`.
  static Map::iterator first(Map& ranges, uintptr_t begin) {
    auto after = ranges.upper_bound(begin);
    return after == ranges.begin() ? after : std::prev(after);
  }
  static bool overlaps(Map& ranges, uintptr_t begin, uintptr_t end) {
    for (auto next = first(ranges, begin); next != ranges.end() && next->first < end; ++next) {
      if (next->second.end > begin) return true;
    }
    return false;
  }

  std::mutex mutex_;
  Map live_, freed_;
};
Ranges ranges;

// ---- contexts and their streams ----

struct Place {
  CUcontext context;
  std::vector<CUstream> streams;
  CUstream for_captures[kThreads];  // not blocking
};
// primary and green: of device 0, one memory; second: another context of device 0; other: the primary context of device 1, a peer of the
// first.
enum Name : size_t { primary, second, other, green, kPlaces };
std::array<Place, kPlaces> places;

CUcontext make_green() {
  CUdevResource all, group;
  CUdevResourceDesc description = nullptr;
  CUgreenCtx made = nullptr;
  CUcontext context = nullptr;
  unsigned count = 1;
  MUST(cuDeviceGetDevResource(0, &all, CU_DEV_RESOURCE_TYPE_SM));
  MUST(cuDevSmResourceSplitByCount(&group, &count, &all, nullptr, 0, all.sm.smCount / 2));
  MUST(cuDevResourceGenerateDesc(&description, &group, 1));
  MUST(cuGreenCtxCreate(&made, description, 0, CU_GREEN_CTX_DEFAULT_STREAM));
  MUST(cuCtxFromGreenCtx(&context, made));
  return context;
}

void add_streams(Place& place) {
  MUST(cuCtxSetCurrent(place.context));
  place.streams = {nullptr, CU_STREAM_PER_THREAD};
  const unsigned other = is_ordered ? CU_STREAM_DEFAULT : CU_STREAM_NON_BLOCKING;
  for (const unsigned flags : {unsigned{CU_STREAM_DEFAULT}, other, other}) {
    place.streams.emplace_back();
    MUST(cuStreamCreate(&place.streams.back(), flags));
  }
  for (CUstream& stream : place.for_captures) MUST(cuStreamCreate(&stream, other));
}

void make_places() {
  places[primary].context = enter(0);
  places[other].context = enter(1);
  MUST(cuCtxEnablePeerAccess(places[primary].context, 0));
  MUST(cuCtxCreate_v2(&places[second].context, 0, 0));
  places[green].context = is_ordered ? places[primary].context : make_green();
  for (Place& place : places) add_streams(place);
}

// ---- blocks ----

enum class Memory : uint8_t { device, pitched, pinned };
constexpr size_t kPitch = 512;  // of a row of so many bytes

struct Block {
  Memory memory;
  Name place;  // where it was allocated
  uintptr_t address;
  size_t bytes;
  UsePointer use;
};

// Captures of other threads must not be spoilt by this program itself: a whole context is waited for only while there are none.
std::shared_mutex captures;

// A piece of work: owned by the stream that runs it.
struct Work {
  UsePointer use;
  const unsigned char* canary;
  std::atomic<int>* of_thread;
  unsigned microseconds;
};

void check_canary(void* data) {
  const std::unique_ptr<Work> work(static_cast<Work*>(data));
  if (work->microseconds != 0) usleep(work->microseconds);
  for (size_t i = 0; i < kCanaryBytes; ++i) {
    if (work->canary[i] == work->use->canary) continue;
    ++changed;
    break;
  }
  --work->use->pending;
  --*work->of_thread;
}

class Worker {
 public:
  Worker(size_t number, uint64_t seed) : number_(number), random_(seed * kThreads + number) {}

  void run(uint64_t operations) {
    set_current(primary);
    for (uint64_t i = 0; i < operations; ++i) operate();
    while (!live_.empty()) free_one();
    while (pending_ > 0) usleep(1000);
    drop_graph();
  }

 private:
  void operate() {
    const unsigned kind = below(1000);
    if (kind < 450 || live_.empty()) {
      if (live_.size() == kMostLive) free_one();
      allocate();
    } else if (kind < 550) {
      queue(live_[below(live_.size())]);
    } else if (kind < 985) {
      free_one();
    } else if (kind < 990) {
      if (is_ordered) return wait_for_legacy_stream(live_[below(live_.size())]);
      launch_graph(live_[below(live_.size())]);
    } else if (kind < 996) {
      MUST(cuStreamSynchronize(places[current_].streams[1 + below(4)]));
    } else if (const std::unique_lock lock(captures, std::try_to_lock); lock.owns_lock()) {
      if (below(2) == 0) return wait_for_legacy_stream(live_[below(live_.size())]);
      MUST(cuCtxSynchronize());
    }
  }

  void wait_for_legacy_stream(const Block& block) {
    unsigned char canary[kCanaryBytes];
    set_current(block.place);
    if (below(2) == 0) {
      MUST(cuStreamSynchronize(nullptr));
    } else {
      MUST(cuMemcpyDtoH_v2(canary, block.address, sizeof canary));
    }
  }

  unsigned below(size_t count) { return static_cast<unsigned>(random_() % count); }

  void set_current(Name place) {
    if (current_ == place) return;
    MUST(cuCtxSetCurrent(places[place].context));
    current_ = place;
  }

  void allocate() {
    constexpr Memory kMemories[] = {Memory::device, Memory::device, Memory::device,  Memory::device,
                                    Memory::device, Memory::device, Memory::pitched, Memory::pinned};
    Block block{kMemories[below(std::size(kMemories))], static_cast<Name>(below(kPlaces)), 0,
                kSizes[below(std::size(kSizes))], std::make_shared<Use>(static_cast<unsigned char>(++allocated % 251))};
    set_current(block.place);
    if (!take_kept(block)) take_from_driver(block);
    ranges.give(block.address, block.bytes, block.use);
    live_.push_back(block);
  }

  static void take_from_driver(Block& block) {
    CUdeviceptr address = 0;
    void* pinned = nullptr;
    size_t pitch = 0;
    switch (block.memory) {
      case Memory::device:
        MUST(cuMemAlloc_v2(&address, block.bytes));
        break;
      case Memory::pitched:
        MUST(cuMemAllocPitch_v2(&address, &pitch, kPitch, (block.bytes + kPitch - 1) / kPitch, 4));
        if (pitch != kPitch) fail();
        break;
      case Memory::pinned:
        MUST(cuMemHostAlloc(&pinned, block.bytes, CU_MEMHOSTALLOC_PORTABLE));
        address = reinterpret_cast<uintptr_t>(pinned);
        break;
    }
    block.address = address;
  }

  // A context that can use the block.
  Name user_of(const Block& block) {
    if (block.memory == Memory::pinned) return static_cast<Name>(below(kPlaces));
    if (block.place == second || block.place == other) return block.place;
    constexpr Name kUsers[] = {primary, primary, green, other};
    return kUsers[below(std::size(kUsers))];
  }

  Work* work_on(const Block& block) {
    while (pending_ >= kMostPending) usleep(50);
    ++pending_;
    ++block.use->pending;
    const unsigned microseconds = below(64) == 0 ? 1000 : below(4) == 0 ? 60 : 0;
    return new Work{block.use, reinterpret_cast<const unsigned char*>(block.address), &pending_, microseconds};
  }

  // Writes the canary and looks for it later, in a stream.
  void queue(const Block& block) {
    const Name user = user_of(block);
    set_current(user);
    const CUstream stream = places[user].streams[below(places[user].streams.size())];
    Work* const work = work_on(block);
    MUST(cuMemsetD8Async(block.address, block.use->canary, kCanaryBytes, stream));
    if (below(8) == 0) {
      go_on_in(user, stream, work);
    } else {
      MUST(cuLaunchHostFunc(stream, check_canary, work));
    }
  }

  // The second part in another stream, which waits for the first.
  void go_on_in(Name user, CUstream stream, Work* work) {
    CUevent event = nullptr;
    MUST(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    MUST(cuEventRecord(event, stream));
    const CUstream next = places[user].streams[below(places[user].streams.size())];
    MUST(cuStreamWaitEvent(next, event, 0));
    MUST(cuLaunchHostFunc(next, check_canary, work));
    MUST(cuEventDestroy_v2(event));
  }

  void launch_graph(const Block& block) {
    drop_graph();
    const Name user = user_of(block);
    set_current(user);
    const CUstream stream = places[user].for_captures[number_];
    Work* const work = work_on(block);
    CUgraph graph = nullptr;
    {
      const std::shared_lock lock(captures);
      MUST(cuStreamBeginCapture_v2(
          stream, below(2) == 0 ? CU_STREAM_CAPTURE_MODE_THREAD_LOCAL : CU_STREAM_CAPTURE_MODE_RELAXED));
      MUST(cuMemsetD8Async(block.address, block.use->canary, kCanaryBytes, stream));
      MUST(cuLaunchHostFunc(stream, check_canary, work));
      usleep(below(100));
      if (cuStreamEndCapture(stream, &graph) != CUDA_SUCCESS) {
        ++spoiled;
        check_canary(work);
        return;
      }
    }
    MUST(cuGraphInstantiateWithFlags(&graph_, graph, 0));
    MUST(cuGraphDestroy(graph));
    MUST(cuGraphLaunch(graph_, below(2) == 0 ? stream : places[user].streams[1 + below(4)]));
    ++launched;
  }

  void drop_graph() {
    if (graph_ == nullptr) return;
    MUST(cuGraphExecDestroy(graph_));
    graph_ = nullptr;
  }

  void free_one() {
    const size_t index = below(live_.size());
    const Block block = live_[index];
    live_[index] = live_.back();
    live_.pop_back();
    if (below(8) != 0) queue(block);
    if (below(8) == 0) set_current(user_of(block));
    ranges.take(block.address);
    if (keep(block)) return;
    if (block.memory == Memory::pinned) {
      MUST(cuMemFreeHost(reinterpret_cast<void*>(block.address)));
    } else {
      MUST(cuMemFree_v2(block.address));
    }
  }

  // What a pool without a gate does.
  bool keep(const Block& block) {
    if (!reuses_early || kept_.size() == 4) return false;
    kept_.push_back(block);
    return true;
  }
  bool take_kept(Block& block) {
    for (Block& kept : kept_) {
      if (kept.memory != block.memory || kept.place != block.place || kept.bytes != block.bytes) continue;
      block.address = kept.address;
      kept = kept_.back();
      kept_.pop_back();
      return true;
    }
    return false;
  }

  const size_t number_;
  std::mt19937_64 random_;
  Name current_ = kPlaces;
  std::vector<Block> live_, kept_;
  std::atomic<int> pending_{0};
  CUgraphExec graph_ = nullptr;
};

// ---- other modes meanwhile ----

std::atomic<bool> is_over{false};
std::atomic<uint64_t> switched{0};

void switch_modes() {
  constexpr const char* kModes[] = {"on", "strict", "off", "on", "off", "strict"};
  MUST(cuCtxSetCurrent(places[primary].context));
  while (!is_over) {
    if (weir_set("WEIR_CUDA_POOL", kModes[switched % std::size(kModes)]) != 0) fail();
    usleep(3000);
    if (++switched % 4 == 0) weir_trim(0);
  }
}

// ---- a wait that tells nothing of the work ----

void work_apart(uint64_t rounds) {
  CUstream stream = nullptr;
  std::atomic<int> pending{0};
  MUST(cuCtxSetCurrent(places[second].context));
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CUdeviceptr own = 0;
  unsigned char some[kCanaryBytes];
  MUST(cuMemAlloc_v2(&own, sizeof some));
  for (uint64_t i = 0; i < rounds; ++i) {
    const auto use = std::make_shared<Use>(static_cast<unsigned char>(i % 251));
    CUdeviceptr address = 0;
    MUST(cuMemAlloc_v2(&address, kMiB));
    ++allocated;
    ranges.give(address, kMiB, use);
    ++pending;
    ++use->pending;
    MUST(cuMemsetD8Async(address, use->canary, kCanaryBytes, stream));
    const auto* canary = reinterpret_cast<const unsigned char*>(address);
    MUST(cuLaunchHostFunc(stream, check_canary, new Work{use, canary, &pending, 2000}));
    ranges.take(address);
    MUST(cuMemFree_v2(address));
    MUST(cuMemcpyDtoH_v2(some, own, sizeof some));
  }
  while (pending > 0) usleep(1000);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  const uint64_t operations = strtoull(arguments[1], nullptr, 0), seed = strtoull(arguments[2], nullptr, 0);
  reuses_early = count > 3 && strcmp(arguments[3], "early") == 0;
  is_ordered = count > 3 && strcmp(arguments[3], "ordered") == 0;
  const bool switches = count > 3 && strcmp(arguments[3], "switches") == 0;
  MUST(cuInit(0));
  make_places();
  if (count > 3 && strcmp(arguments[3], "apart") == 0) work_apart(operations);
  const uint64_t of_thread = allocated == 0 ? operations / kThreads : 0;
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t i = 0; i < kThreads; ++i) workers.push_back(std::make_unique<Worker>(i, seed));
  for (const auto& worker : workers) threads.emplace_back([&] { worker->run(of_thread); });
  std::thread switcher(switches ? switch_modes : [] {});
  for (std::thread& thread : threads) thread.join();
  is_over = true;
  switcher.join();
  std::printf("{\"operations\":%lu,\"allocations\":%lu,\"reused\":%lu,\"graphs\":%lu,\"switched\":%lu,", operations,
              allocated.load(), reused.load(), launched.load(), switched.load());
  std::printf("\"early\":%lu,\"twice\":%lu,\"changed\":%lu,\"spoiled\":%lu}\n", early.load(), twice.load(),
              changed.load(), spoiled.load());
  return early + twice + changed + spoiled == 0 ? 0 : 1;
}

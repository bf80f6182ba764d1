// The micro-benchmarks: what malloc and free cost, by depth and change of the stack, size, threads and live blocks.
// Knows nothing of Weir: scripts/bench runs it under each preload. Names say the case; `/stack:20` is the whole stack's
// depth in frames.
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "stack_shapes.h"

namespace {

using bench::Shape;
using benchmark::State;

constexpr std::size_t kBytes = 100;
constexpr std::size_t kPage = 4096;

// Google Benchmark runs on a stack of its own and hands each loop over to main(), so that the loop's stack is no deeper
// than asked: main's own frames and what the case adds.
ucontext_t main_context, benchmark_context;
std::function<void()> handed_over;

void on_main_stack(std::function<void()> work) {
  handed_over = std::move(work);
  swapcontext(&benchmark_context, &main_context);
}

int frames_here() {
  std::array<void*, 64> frames;
  return backtrace(frames.data(), static_cast<int>(frames.size()));
}

// Where the compiler may not look: neither the pair nor the block may be left out.
inline void use(void* block) {
  benchmark::DoNotOptimize(block);
  benchmark::ClobberMemory();
}

class Pairs : public bench::Bottom {
 public:
  Pairs(State& state, std::size_t bytes) : state_(state), bytes_(bytes) {}

  [[gnu::noinline]] void loop() override {
    for (auto _ : state_) pair();
  }
  [[gnu::noinline]] void once() override { pair(); }
  bool more() override { return state_.KeepRunning(); }

 protected:
  ~Pairs() = default;
  [[gnu::always_inline]] void pair() {
    void* block = malloc(bytes_);
    use(block);
    free(block);
  }

  State& state_;
  std::size_t bytes_;
};

class PlainPairs final : public Pairs {
 public:
  using Pairs::Pairs;
};

// The same from four call sites in turn.
class SitePairs final : public Pairs {
 public:
  using Pairs::Pairs;
  [[gnu::noinline]] void loop() override {
    while (state_.KeepRunningBatch(4)) {
      pair();
      pair();
      pair();
      pair();
    }
  }
};

// libunwind's unw_backtrace between malloc and free: what taking the same stack costs there.
using UnwindBacktrace = int (*)(void**, int);
UnwindBacktrace unwind_backtrace = nullptr;

// Bound to its own symbols and closed to others', so that the process keeps the unwinder it has. NULL where it is not
// there.
UnwindBacktrace load_unwind_backtrace() {
  void* library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
  return library == nullptr ? nullptr : reinterpret_cast<UnwindBacktrace>(dlsym(library, "unw_backtrace"));
}

class UnwindPairs final : public Pairs {
 public:
  using Pairs::Pairs;
  [[gnu::noinline]] void loop() override {
    for (auto _ : state_) once();
  }
  [[gnu::noinline]] void once() override {
    void* block = malloc(bytes_);
    use(block);
    std::array<void*, 128> frames;
    benchmark::DoNotOptimize(unwind_backtrace(frames.data(), 128));
    benchmark::DoNotOptimize(frames);
    free(block);
  }
};

// The frames of a stack that are there before run()'s: on main's stack main() and what called it.
int outer_frames = 0;

template <typename Bottom>
void pairs_at_depth(State& state, Shape shape, int depth, std::size_t bytes) {
  Bottom bottom(state, bytes);
  on_main_stack([&] {
    if (depth - outer_frames < bench::kLeastLevels) {
      bottom.loop();
    } else {
      bench::run(shape, depth - outer_frames, bottom);
    }
  });
}

// Pairs until told to stop.
class TimedPairs final : public bench::Bottom {
 public:
  explicit TimedPairs(const std::atomic<bool>& stop) : stop_(stop) {}

  [[gnu::noinline]] void loop() override {
    while (more()) once_inlined();
  }
  [[gnu::noinline]] void once() override { once_inlined(); }
  bool more() override {
    ++rounds_;
    return !stop_.load(std::memory_order_relaxed);
  }
  std::uint64_t rounds() const { return rounds_; }

 private:
  [[gnu::always_inline]] void once_inlined() {
    void* block = malloc(kBytes);
    use(block);
    free(block);
  }

  const std::atomic<bool>& stop_;
  std::uint64_t rounds_ = 0;
};

using Clock = std::chrono::steady_clock;

// One of the threads of threads(): from when all are there, until told to stop.
struct Worker {
  Clock::time_point begin, end;
  std::uint64_t rounds = 0;

  void work(Shape shape, int depth, std::barrier<>& all_here, const std::atomic<bool>& stop) {
    TimedPairs bottom(stop);
    all_here.arrive_and_wait();
    begin = Clock::now();
    bench::run(shape, std::max(depth - frames_here(), bench::kLeastLevels + 2), bottom);
    end = Clock::now();
    rounds = bottom.rounds();
  }
};

// What all threads together do in some 50 ms: throughput by the wall, from the first one's beginning to the last one's
// end.
void threads(State& state, Shape shape, int depth) {
  constexpr std::chrono::milliseconds kTime{50};
  std::uint64_t rounds = 0;
  for (auto _ : state) {
    std::vector<Worker> workers(static_cast<std::size_t>(state.range(0)));
    std::vector<std::thread> running;
    std::barrier<> all_here(state.range(0) + 1);
    std::atomic<bool> stop{false};
    for (Worker& worker : workers) {
      running.emplace_back([&, shape, depth] { worker.work(shape, depth, all_here, stop); });
    }
    all_here.arrive_and_wait();
    std::this_thread::sleep_for(kTime);
    stop = true;
    for (std::thread& thread : running) thread.join();
    const auto first =
        std::min_element(workers.begin(), workers.end(), [](auto& a, auto& b) { return a.begin < b.begin; });
    const auto last = std::max_element(workers.begin(), workers.end(), [](auto& a, auto& b) { return a.end < b.end; });
    state.SetIterationTime(std::chrono::duration<double>(last->end - first->begin).count());
    for (const Worker& worker : workers) rounds += worker.rounds;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(rounds));
}

void large_touched(State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    auto* block = static_cast<char*>(malloc(bytes));
    if (block == nullptr) {
      state.SkipWithError("no memory");
      break;
    }
    for (std::size_t at = 0; at < bytes; at += kPage) block[at] = 1;
    use(block);
    free(block);
  }
}

std::uint32_t next_random(std::uint32_t& state) {
  state = state * 1664525U + 1013904223U;
  return state >> 8;
}

// 16 to 4096 bytes, the small ones more often.
std::size_t mixed_size(std::uint32_t& random) {
  return (std::size_t{16} << (next_random(random) % 9)) - next_random(random) % 16;
}

// 10,000 blocks of mixed sizes in one go, then all of them freed: time per block.
void burst_mixed(State& state) {
  constexpr int kBlocks = 10'000;
  static std::array<void*, kBlocks> blocks;
  while (state.KeepRunningBatch(kBlocks)) {
    std::uint32_t random = 1;
    for (void*& block : blocks) use(block = malloc(mixed_size(random)));
    for (void* block : blocks) free(block);
  }
}

// Blocks of 64 bytes, of which the oldest is replaced (`/order:0`) or any (`/order:1`).
void live_blocks(State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const bool any = state.range(1) != 0;
  std::vector<void*> blocks(count);
  for (void*& block : blocks) block = malloc(64);
  std::uint32_t random = 7;
  std::size_t oldest = 0;
  for (auto _ : state) {
    std::size_t at = oldest;
    if (any) at = (std::size_t{next_random(random)} << 8 ^ next_random(random)) % count;
    free(blocks[at]);
    use(blocks[at] = malloc(64));
    oldest = oldest + 1 == count ? 0 : oldest + 1;
  }
  for (void* block : blocks) free(block);
}

// One thread allocates, another frees: a ring between them. Time per block, by the wall.
class Ring {
 public:
  void put(void* block) {
    const std::size_t at = head_.load(std::memory_order_relaxed);
    while (at - tail_.load(std::memory_order_acquire) == kPlaces) std::this_thread::yield();
    places_[at % kPlaces] = block;
    head_.store(at + 1, std::memory_order_release);
  }
  void* take() {
    const std::size_t at = tail_.load(std::memory_order_relaxed);
    while (head_.load(std::memory_order_acquire) == at) std::this_thread::yield();
    void* block = places_[at % kPlaces];
    tail_.store(at + 1, std::memory_order_release);
    return block;
  }

 private:
  static constexpr std::size_t kPlaces = 4096;
  std::array<void*, kPlaces> places_{};
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
};

void cross_thread_frees(State& state) {
  static Ring ring;
  static char last;
  std::thread other([] {
    for (void* block = ring.take(); block != &last; block = ring.take()) free(block);
  });
  for (auto _ : state) ring.put(malloc(kBytes));
  ring.put(&last);
  other.join();
}

bool memory_for(long long bytes) { return sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE) > 3 * bytes; }

std::string case_name(const char* what, int depth) { return std::string(what) + "/stack:" + std::to_string(depth); }

void add_stacks() {
  // The first loop of a process pays for what is done once; its figure is nobody's.
  benchmark::RegisterBenchmark("warm_up", pairs_at_depth<PlainPairs>, Shape::kSame, 20, kBytes);
  for (const int depth : {5, 20, 60}) {
    const auto add = [depth](const char* what, auto benchmark, Shape shape) {
      benchmark::RegisterBenchmark(case_name(what, depth).c_str(), benchmark, shape, depth, kBytes);
    };
    add("same_stack", pairs_at_depth<PlainPairs>, Shape::kSame);
    add("four_sites", pairs_at_depth<SitePairs>, Shape::kSame);
    if (unwind_backtrace != nullptr) add("same_stack_unw_backtrace", pairs_at_depth<UnwindPairs>, Shape::kSame);
    if (depth - outer_frames < bench::kLeastLevels) continue;
    add("inner_frames_change", pairs_at_depth<PlainPairs>, Shape::kInner);
    add("all_frames_change", pairs_at_depth<PlainPairs>, Shape::kAll);
    if (unwind_backtrace == nullptr) continue;
    add("inner_frames_change_unw_backtrace", pairs_at_depth<UnwindPairs>, Shape::kInner);
    add("all_frames_change_unw_backtrace", pairs_at_depth<UnwindPairs>, Shape::kAll);
  }
}

void add_sizes() {
  for (const std::size_t bytes : {16, 64, 256, 1024, 4096}) {
    const std::string name = "size/bytes:" + std::to_string(bytes);
    benchmark::RegisterBenchmark(name.c_str(), pairs_at_depth<PlainPairs>, Shape::kSame, 20, bytes);
  }
  auto* large = benchmark::RegisterBenchmark("large_touched", large_touched)->ArgName("bytes");
  for (const long long bytes : {64LL << 10, 1LL << 20, 16LL << 20, 256LL << 20, 1LL << 30}) {
    if (memory_for(bytes)) large->Arg(bytes);
  }
}

void add_live_blocks() {
  benchmark::RegisterBenchmark("burst_mixed_10000", burst_mixed);
  auto* live = benchmark::RegisterBenchmark("live_blocks", live_blocks)->ArgNames({"count", "any"});
  for (const long long count : {1'000, 10'000, 100'000, 1'000'000, 10'000'000}) {
    if (memory_for(count * 100)) live->Args({count, 0})->Args({count, 1})->Iterations(300'000);
  }
}

void add_threads() {
  benchmark::RegisterBenchmark("cross_thread_frees", cross_thread_frees)->UseRealTime();
  const auto add = [](const char* name, Shape shape) {
    auto* benchmark = benchmark::RegisterBenchmark(name, threads, shape, 20)->ArgName("threads")->UseManualTime();
    for (const int count : {1, 2, 4, 8, 16, 32, 64}) benchmark->Arg(count)->Iterations(2);
  };
  add("threads_same_stack/stack:20", Shape::kSame);
  add("threads_inner_frames_change/stack:20", Shape::kInner);
}

void run_benchmarks() {
  benchmark::RunSpecifiedBenchmarks();
  handed_over = nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  bench::check_shapes();
  outer_frames = frames_here();
  // Only where asked for: the stacks are the same under any malloc.
  if (getenv("BENCH_UNWIND") != nullptr) unwind_backtrace = load_unwind_backtrace();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  add_stacks();
  add_sizes();
  add_live_blocks();
  add_threads();  // last: what comes after a second thread is another process to an allocator

  constexpr std::size_t kStackBytes = std::size_t{1} << 20;
  getcontext(&benchmark_context);
  benchmark_context.uc_stack.ss_sp = malloc(kStackBytes);
  benchmark_context.uc_stack.ss_size = kStackBytes;
  benchmark_context.uc_link = &main_context;
  makecontext(&benchmark_context, run_benchmarks, 0);
  for (;;) {
    swapcontext(&main_context, &benchmark_context);
    if (!handed_over) break;
    handed_over();
  }
  return 0;
}

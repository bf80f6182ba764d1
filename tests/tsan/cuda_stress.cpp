// cuda_stress THREADS OPERATIONS [strict|on|switching]: threads allocate and free memory of all kinds on two simulated devices, each
// other's too, through Weir's wrappers. With a mode the pools serve; beside the workers contexts with memory come and go, and another
// thread gives idle memory back and, switching, changes the mode. Exits 1 when a total is wrong at the end, 66 when ThreadSanitizer saw a
// race.
#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>
#include <dlfcn.h>

#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <mutex>
#include <random>

#include "core/clock.h"
#include "cuda/allocation_table.h"
#include "cuda/call.h"
#include "cuda/driver.h"
#include "cuda/hooks.h"
#include "cuda/pool/configuration.h"
#include "cuda/pool/pool_control.h"
#include "thread_stress.h"

namespace {

using namespace weir;
using cuda::Kind;

constexpr int kDevices = 2;
constexpr size_t kMostLive = 64;  // of a thread

// The wrapper of a driver's function, as a program gets it.
#define CALL(name, ...) reinterpret_cast<decltype(&name)>(cuda::hook_of(cuda::Entry::name))(__VA_ARGS__)
#define CALL_OK(name, ...) EXPECT(CALL(name, __VA_ARGS__) == CUDA_SUCCESS)

CUcontext contexts[kDevices];
CUmemoryPool pools[kDevices];

struct Live {
  Kind kind;
  int device;
  uint64_t bytes;
  std::function<void()> free;
};

struct Totals {
  uint64_t alloc_count = 0, alloc_bytes = 0, free_count = 0, free_bytes = 0;
  uint64_t context_freed_count = 0, context_freed_bytes = 0;
};
using Expected = std::array<std::array<Totals, cuda::kKinds>, kDevices>;

// ---- One allocation of each kind ----

Live device_memory(int device, size_t bytes) {
  CUdeviceptr address = 0;
  CALL_OK(cuMemAlloc_v2, &address, bytes);
  return {Kind::device, device, bytes, [=] { CALL_OK(cuMemFree_v2, address); }};
}

Live pitched_memory(int device, size_t bytes) {
  CUdeviceptr address = 0;
  size_t pitch = 0;
  CALL_OK(cuMemAllocPitch_v2, &address, &pitch, bytes, 3, 4);
  return {Kind::device, device, bytes * 3, [=] { CALL_OK(cuMemFree_v2, address); }};
}

Live managed_memory(int device, size_t bytes) {
  CUdeviceptr address = 0;
  CALL_OK(cuMemAllocManaged, &address, bytes, CU_MEM_ATTACH_GLOBAL);
  return {Kind::managed, device, bytes, [=] { CALL_OK(cuMemFree_v2, address); }};
}

Live pinned_memory(int device, size_t bytes) {
  void* address = nullptr;
  CALL_OK(cuMemHostAlloc, &address, bytes, CU_MEMHOSTALLOC_PORTABLE);
  return {Kind::pinned, device, bytes, [=] { CALL_OK(cuMemFreeHost, address); }};
}

Live registered_memory(int device, size_t bytes) {
  void* address = aligned_alloc(4096, (bytes + 4095) & ~size_t{4095});
  CALL_OK(cuMemHostRegister_v2, address, bytes, CU_MEMHOSTREGISTER_PORTABLE);
  return {Kind::registered, device, bytes, [=] {
            CALL_OK(cuMemHostUnregister, address);
            free(address);
          }};
}

Live stream_memory(int device, size_t bytes) {
  CUdeviceptr address = 0;
  CALL_OK(cuMemAllocAsync, &address, bytes, nullptr);
  return {Kind::async, device, bytes, [=] { CALL_OK(cuMemFreeAsync, address, nullptr); }};
}

Live pool_memory(int device, size_t bytes) {
  CUdeviceptr address = 0;
  CALL_OK(cuMemAllocFromPoolAsync, &address, bytes, pools[device], nullptr);
  return {Kind::async, device, bytes, [=] { CALL_OK(cuMemFree_v2, address); }};
}

Live array_memory(int device, size_t bytes) {
  CUarray array = nullptr;
  CUDA_ARRAY_DESCRIPTOR shape{bytes, 2, CU_AD_FORMAT_UNSIGNED_INT8, 1};
  CALL_OK(cuArrayCreate_v2, &array, &shape);
  return {Kind::array, device, bytes * 2, [=] { CALL_OK(cuArrayDestroy, array); }};
}

Live vmm_memory(int device, size_t) {
  constexpr size_t kBytes = size_t{2} << 20;
  CUmemGenericAllocationHandle handle = 0;
  CUmemAllocationProp wish{};
  wish.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  wish.location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
  CALL_OK(cuMemCreate, &handle, kBytes, &wish, 0);
  return {Kind::vmm, device, kBytes, [=] { CALL_OK(cuMemRelease, handle); }};
}

constexpr Live (*kAllocators[])(int, size_t) = {device_memory, pitched_memory,    managed_memory,
                                                pinned_memory, registered_memory, stream_memory,
                                                pool_memory,   array_memory,      vmm_memory};

// ---- The threads ----

std::mutex mail_mutex;
std::vector<Live> mail;  // for whoever comes to free it

class Worker {
 public:
  Worker(int seed, int operations) : random_(static_cast<unsigned>(seed)), operations_(operations) {}

  void run() {
    for (int i = 0; i < operations_; ++i) step();
    while (!live_.empty()) release(take(live_));
  }
  const Expected& expected() const { return expected_; }

  void release(const Live& live) {
    enter(live.device);
    live.free();
    Totals& totals = of(live);
    ++totals.free_count;
    totals.free_bytes += live.bytes;
  }

 private:
  void step() {
    const unsigned choice = random_() % 16;
    if (live_.size() == kMostLive || (choice < 6 && !live_.empty())) {
      release(take(live_));
    } else if (choice == 6 && !live_.empty()) {
      const std::lock_guard lock(mail_mutex);
      mail.push_back(take(live_));
    } else if (choice == 7) {
      open_mail();
    } else {
      allocate();
    }
  }

  void allocate() {
    const int device = static_cast<int>(random_() % kDevices);
    enter(device);
    const size_t bytes = 1 + random_() % 5000;
    Live live = kAllocators[random_() % std::size(kAllocators)](device, bytes);
    Totals& totals = of(live);
    ++totals.alloc_count;
    totals.alloc_bytes += live.bytes;
    live_.push_back(std::move(live));
  }

  void open_mail() {
    std::vector<Live> one;
    {
      const std::lock_guard lock(mail_mutex);
      if (!mail.empty()) one.push_back(take(mail));
    }
    for (const Live& live : one) release(live);
  }

  Live take(std::vector<Live>& from) {
    std::swap(from[random_() % from.size()], from.back());
    Live taken = std::move(from.back());
    from.pop_back();
    return taken;
  }

  void enter(int device) { CALL_OK(cuCtxSetCurrent, contexts[device]); }
  Totals& of(const Live& live) { return expected_[static_cast<size_t>(live.device)][static_cast<size_t>(live.kind)]; }

  std::minstd_rand random_;
  int operations_;
  std::vector<Live> live_;
  Expected expected_{};
};

// ---- Beside them, where the pools serve ----

std::atomic<bool> has_ended{false};

// Contexts come, get memory, free some of it, and end with the rest.
class ContextMaker {
 public:
  void run() {
    for (unsigned round = 0; !has_ended.load(); ++round) live_once(static_cast<int>(round % kDevices));
  }
  const Expected& expected() const { return expected_; }

 private:
  static constexpr size_t kBlocks = 16;
  static constexpr size_t kBytes = 3000;

  void live_once(int device) {
    CUcontext context = nullptr;
    CALL_OK(cuCtxCreate_v2, &context, 0, device);
    Totals& totals = expected_[static_cast<size_t>(device)][static_cast<size_t>(Kind::device)];
    for (int turn = 0; turn < 2; ++turn) {  // the second time from what the first has freed
      std::vector<Live> blocks;
      for (size_t i = 0; i < kBlocks; ++i) blocks.push_back(device_memory(device, kBytes));
      for (size_t i = 0; i < kBlocks / 2; ++i) blocks[i].free();
    }
    totals.alloc_count += 2 * kBlocks;
    totals.alloc_bytes += 2 * kBlocks * kBytes;
    totals.free_count += kBlocks;
    totals.free_bytes += kBlocks * kBytes;
    CALL_OK(cuCtxDestroy_v2, context);
    totals.context_freed_count += kBlocks;
    totals.context_freed_bytes += kBlocks * kBytes;
  }

  Expected expected_{};
};

void trim_now_and_then() {
  CALL_OK(cuCtxSetCurrent, contexts[0]);
  while (!has_ended.load()) {
    cuda::pool::trim(0);
    cuda::pool::figures(cuda::pool::Memory::device, cuda::kNoDevice);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void switch_modes() {
  constexpr cuda::pool::Mode kModes[] = {cuda::pool::Mode::strict, cuda::pool::Mode::deferred, cuda::pool::Mode::off};
  for (size_t i = 0; !has_ended.load(); ++i) {
    cuda::pool::set_mode(kModes[i % std::size(kModes)]);
    std::this_thread::sleep_for(std::chrono::microseconds(700));
  }
}

// ---- The checks ----

// What the pools have at the end: nothing live, and after a trim nothing at all.
void expect_pools_are_empty(bool has_pools) {
  for (const cuda::pool::Memory memory : {cuda::pool::Memory::device, cuda::pool::Memory::pinned}) {
    const cuda::pool::Figures figures = cuda::pool::figures(memory, cuda::kNoDevice);
    EXPECT(figures.live_count == 0 && figures.live_bytes == 0 && figures.live_asked_bytes == 0);
    EXPECT((figures.hit_count > 0 && figures.kept_count > 0 && figures.trim_count > 0) == has_pools);
  }
  cuda::pool::trim(0);
  for (const cuda::pool::Memory memory : {cuda::pool::Memory::device, cuda::pool::Memory::pinned}) {
    EXPECT(cuda::pool::figures(memory, cuda::kNoDevice).reserved_bytes() == 0);
  }
}

void expect_equal(const Expected& expected) {
  for (int device = 0; device < kDevices; ++device) {
    const cuda::DeviceFigures figures = cuda::device_figures(device);
    EXPECT(figures.live_bytes == 0);
    EXPECT(figures.peak_bytes > 0);
    for (const Kind kind :
         {Kind::device, Kind::managed, Kind::pinned, Kind::registered, Kind::async, Kind::array, Kind::vmm}) {
      const cuda::KindFigures& seen = figures.kinds[static_cast<size_t>(kind)];
      const Totals& wanted = expected[static_cast<size_t>(device)][static_cast<size_t>(kind)];
      EXPECT(seen.alloc_count == wanted.alloc_count && seen.alloc_bytes == wanted.alloc_bytes);
      EXPECT(seen.free_count == wanted.free_count && seen.free_bytes == wanted.free_bytes);
      EXPECT(seen.live_count() == 0 && seen.live_bytes() == 0 && seen.live_taken_bytes == 0);
      EXPECT(seen.context_freed_count == wanted.context_freed_count);
      EXPECT(seen.context_freed_bytes == wanted.context_freed_bytes && seen.failed_count == 0);
    }
  }
}

void add(Expected& sum, const Expected& part) {
  for (size_t device = 0; device < kDevices; ++device) {
    for (size_t kind = 0; kind < cuda::kKinds; ++kind) {
      sum[device][kind].alloc_count += part[device][kind].alloc_count;
      sum[device][kind].alloc_bytes += part[device][kind].alloc_bytes;
      sum[device][kind].free_count += part[device][kind].free_count;
      sum[device][kind].free_bytes += part[device][kind].free_bytes;
      sum[device][kind].context_freed_count += part[device][kind].context_freed_count;
      sum[device][kind].context_freed_bytes += part[device][kind].context_freed_bytes;
    }
  }
}

void prepare_devices() {
  cuda::bind_driver_to([](const char* name) { return dlsym(RTLD_DEFAULT, name); });
  cuda::configure({[](const core::Guard&, const stack::Registers&) {
    return cuda::Origin{core::StackId::unknown, core::ThreadId::unknown, core::current_tick()};
  }});
  EXPECT(cuInit(0) == CUDA_SUCCESS);
  for (int device = 0; device < kDevices; ++device) {
    CALL_OK(cuDevicePrimaryCtxRetain, &contexts[device], device);
    CUmemPoolProps wish{};
    wish.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    wish.location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
    CALL_OK(cuMemPoolCreate, &pools[device], &wish);
  }
}

void configure_pools(const char* mode) {
  cuda::pool::Settings settings{};
  settings.device_mode = strcmp(mode, "on") == 0 ? cuda::pool::Mode::deferred : cuda::pool::Mode::strict;
  settings.most_pinned_bytes = size_t{1} << 30;
  cuda::pool::configure(settings);
}

}  // namespace

int main(int argc, char** argv) {
  setenv("SIMCUDA_DEVICES", "2", 1);
  const int threads = argc > 1 ? atoi(argv[1]) : 8;
  const int operations = argc > 2 ? atoi(argv[2]) : 1'000'000;
  const char* const mode = argc > 3 ? argv[3] : nullptr;
  prepare_devices();
  if (mode != nullptr) configure_pools(mode);
  std::vector<Worker> workers;
  for (int i = 0; i < threads; ++i) workers.emplace_back(i + 1, operations / threads);
  ContextMaker maker;
  std::vector<std::thread> running, beside;
  for (Worker& worker : workers) running.emplace_back([&worker] { worker.run(); });
  if (mode != nullptr) beside.emplace_back([&maker] { maker.run(); });
  if (mode != nullptr) beside.emplace_back(trim_now_and_then);
  if (mode != nullptr && strcmp(mode, "switching") == 0) beside.emplace_back(switch_modes);
  for (std::thread& thread : running) thread.join();
  has_ended.store(true);
  for (std::thread& thread : beside) thread.join();
  for (const Live& live : mail) workers[0].release(live);
  Expected expected = maker.expected();
  for (const Worker& worker : workers) add(expected, worker.expected());
  expect_equal(expected);
  expect_pools_are_empty(mode != nullptr);
  std::printf("cuda: %d operations by %d threads on %d devices, no race, totals exact\n", operations, threads,
              kDevices);
}

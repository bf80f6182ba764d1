// What allocating and freeing costs where threads do it at the same time, each with work of its own in a stream of its own.
#include <array>
#include <cmath>
#include <random>
#include <thread>

#include "driver.h"

namespace {

constexpr size_t kLive = 8;  // blocks of a thread
constexpr size_t kUsedBytes = 64;
constexpr double kSmallest = 8, kLargest = 22;  // sizes, as powers of two: 256 bytes to 4 MiB

class Worker {
 public:
  explicit Worker(unsigned number) : random_(number) {}

  void run(CUcontext context, int operations) {
    CHECK(cuCtxSetCurrent(context));
    CUstream stream = nullptr;
    CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    for (int i = 0; i < operations; ++i) operate(stream);
    for (CUdeviceptr& block : live_) release(block);
    CHECK(cuStreamSynchronize(stream));
    CHECK(cuStreamDestroy(stream));
  }

  std::vector<double> allocations, releases;

 private:
  void operate(CUstream stream) {
    CUdeviceptr& block = live_[random_() % kLive];
    if (block != 0) return release(block);
    const auto bytes = static_cast<size_t>(std::exp2(std::uniform_real_distribution<>(kSmallest, kLargest)(random_)));
    allocations.push_back(timed_ns([&] { CHECK(cuMemAlloc(&block, bytes)); }));
    CHECK(cuMemsetD8Async(block, 1, kUsedBytes, stream));
  }
  void release(CUdeviceptr& block) {
    if (block == 0) return;
    releases.push_back(timed_ns([&] { CHECK(cuMemFree(block)); }));
    block = 0;
  }

  std::mt19937 random_;
  std::array<CUdeviceptr, kLive> live_{};
};

std::string measure(unsigned threads, int operations) {
  CUcontext context = nullptr;
  CHECK(cuCtxGetCurrent(&context));
  std::vector<Worker> workers;
  for (unsigned i = 0; i < threads; ++i) workers.emplace_back(i);
  std::vector<std::thread> running;
  const double begin = now_ns();
  for (Worker& worker : workers) running.emplace_back([&] { worker.run(context, operations); });
  for (std::thread& thread : running) thread.join();
  const double took = now_ns() - begin;
  std::vector<double> allocations, releases;
  for (const Worker& worker : workers) {
    allocations.insert(allocations.end(), worker.allocations.begin(), worker.allocations.end());
    releases.insert(releases.end(), worker.releases.begin(), worker.releases.end());
  }
  return text(R"({"threads": %u, "alloc_ns": %.0f, "alloc_p90_ns": %.0f, "free_ns": %.0f, "free_p90_ns": %.0f, )"
              R"("operation_ns": %.0f})",
              threads, median(allocations), quantile(allocations, 0.9), median(releases), quantile(releases, 0.9),
              took / (threads * static_cast<double>(operations)));
}

}  // namespace

// Argument: how many allocations and frees of each thread.
int main(int count, char** arguments) {
  const int operations = count > 1 ? atoi(arguments[1]) : 1000;
  start();
  Rows rows;
  for (const unsigned threads : {1U, 4U, 16U}) rows.add(measure(threads, operations));
}

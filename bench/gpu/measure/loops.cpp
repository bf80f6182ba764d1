// What a round of a program's loop takes that allocates, uses and frees: with no work, with work that is queued at the free, and with work that
// the program waited for.
#include "driver.h"

namespace {

constexpr size_t kUsedBytes = 64;
constexpr int kFewestRounds = 20;
constexpr double kMostNs = 2e8;  // of one row

enum class Work : uint8_t { none, queued, waited };
constexpr const char* kWorkNames[] = {"none", "queued", "waited for"};

struct Memory {
  const char* name;
  CUdeviceptr (*allocate)(size_t bytes);
  void (*release)(CUdeviceptr block);
};

CUdeviceptr allocate_linear(size_t bytes) {
  CUdeviceptr block = 0;
  CHECK(cuMemAlloc(&block, bytes));
  return block;
}
CUdeviceptr allocate_pinned(size_t bytes) {
  void* block = nullptr;
  CHECK(cuMemHostAlloc(&block, bytes, 0));
  return reinterpret_cast<CUdeviceptr>(block);
}
void release_linear(CUdeviceptr block) { CHECK(cuMemFree(block)); }
void release_pinned(CUdeviceptr block) { CHECK(cuMemFreeHost(reinterpret_cast<void*>(block))); }

constexpr Memory kDevice = {"device", allocate_linear, release_linear};
constexpr Memory kPinned = {"pinned", allocate_pinned, release_pinned};

void go_round(const Memory& memory, size_t bytes, Work work, CUstream stream) {
  const CUdeviceptr block = memory.allocate(bytes);
  if (work != Work::none) CHECK(cuMemsetD8Async(block, 1, kUsedBytes, stream));
  if (work == Work::waited) CHECK(cuCtxSynchronize());
  memory.release(block);
}

std::string measure(const Memory& memory, size_t bytes, Work work, CUstream stream, size_t most_rounds) {
  std::vector<double> rounds;
  const double begin = now_ns();
  while (rounds.size() < most_rounds && (rounds.size() < kFewestRounds || now_ns() - begin < kMostNs)) {
    rounds.push_back(timed_ns([&] { go_round(memory, bytes, work, stream); }));
  }
  CHECK(cuCtxSynchronize());
  return text(R"({"memory": "%s", "bytes": %zu, "work": "%s", "round_ns": %.0f, "round_p90_ns": %.0f})", memory.name,
              bytes, kWorkNames[static_cast<size_t>(work)], median(rounds), quantile(rounds, 0.9));
}

}  // namespace

// Argument: how many rounds of each at most.
int main(int count, char** arguments) {
  const size_t most_rounds = count > 1 ? strtoul(arguments[1], nullptr, 0) : 2000;
  start();
  CUstream stream = nullptr;
  CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  Rows rows;
  for (const Work work : {Work::none, Work::queued, Work::waited}) {
    for (const size_t bytes : {4 * kKiB, 3 * kMiB, 64 * kMiB}) {
      rows.add(measure(kDevice, bytes, work, stream, most_rounds));
    }
    rows.add(measure(kPinned, kMiB, work, stream, most_rounds));
  }
}

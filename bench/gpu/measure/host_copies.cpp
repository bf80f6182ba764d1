// What copies between a device and a block of the heap take per MiB: the first one of a block, and those that follow.
#include <cstdlib>
#include <cstring>

#include "driver.h"

namespace {

constexpr int kCopies = 12;

struct Times {
  double first, later;
};

template <class Copy>
Times times_of(size_t bytes, const Copy& copy) {
  auto* const block = static_cast<char*>(malloc(bytes));
  memset(block, 1, bytes);
  const double mebibytes = static_cast<double>(bytes) / static_cast<double>(kMiB);
  Times times{timed_ns([&] { copy(block); }) / mebibytes, 0};
  std::vector<double> later;
  for (int i = 0; i < kCopies; ++i) later.push_back(timed_ns([&] { copy(block); }));
  free(block);
  times.later = median(later) / mebibytes;
  return times;
}

}  // namespace

int main() {
  start();
  Rows rows;
  CUstream stream = nullptr;
  CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  for (const size_t bytes : {kMiB, 16 * kMiB, 256 * kMiB}) {
    CUdeviceptr memory = 0;
    CHECK(cuMemAlloc(&memory, bytes));
    const Times to = times_of(bytes, [&](char* block) { CHECK(cuMemcpyHtoD(memory, block, bytes)); });
    const Times from = times_of(bytes, [&](char* block) { CHECK(cuMemcpyDtoH(block, memory, bytes)); });
    const Times in_stream = times_of(bytes, [&](char* block) {
      CHECK(cuMemcpyHtoDAsync(memory, block, bytes, stream));
      CHECK(cuStreamSynchronize(stream));
    });
    CHECK(cuMemFree(memory));
    rows.add(text(R"({"bytes": %zu, "first_to_device_ns_per_mib": %.0f, "to_device_ns_per_mib": %.0f, )"
                  R"("first_to_host_ns_per_mib": %.0f, "to_host_ns_per_mib": %.0f, "in_stream_ns_per_mib": %.0f})",
                  bytes, to.first, to.later, from.first, from.later, in_stream.later));
  }
}

// What cuMemHostAlloc() and its release cost per MiB.
#include "driver.h"

int main() {
  start();
  Rows rows;
  for (const size_t bytes : {kMiB, 8 * kMiB, 64 * kMiB, 256 * kMiB, 512 * kMiB}) {
    std::vector<double> allocations, releases;
    for (int i = 0; i < 3; ++i) {
      void* memory = nullptr;
      allocations.push_back(timed_ns([&] { CHECK(cuMemHostAlloc(&memory, bytes, 0)); }));
      releases.push_back(timed_ns([&] { CHECK(cuMemFreeHost(memory)); }));
    }
    const double mebibytes = static_cast<double>(bytes) / static_cast<double>(kMiB);
    rows.add(text(R"({"bytes": %zu, "alloc_ns_per_mib": %.0f, "free_ns_per_mib": %.0f})", bytes,
                  median(allocations) / mebibytes, median(releases) / mebibytes));
  }
}

#include "pool/numa.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include "pool/mimalloc_system_calls.h"

namespace weir::pool {
namespace {

constexpr size_t kPageBytes = 4096, kRangePages = 10'000, kTouchedPages = 5'000;

uint64_t bytes_by_numa_maps() {
  uint64_t bytes[64] = {};
  const size_t nodes = read_numa_maps(bytes, 64);
  uint64_t sum = 0;
  for (size_t node = 0; node < nodes; ++node) sum += bytes[node];
  return sum;
}

TEST(Numa, BothWaysCountTheTouchedPages) {
  const uint64_t resident_before = resident_pool_bytes(), mapped_before = bytes_by_numa_maps();
  void* range =
      weir_pool_mmap(nullptr, kRangePages * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(range, MAP_FAILED);
  madvise(range, kRangePages * kPageBytes, MADV_NOHUGEPAGE);
  memset(static_cast<char*>(range) + kPageBytes, 1, kTouchedPages * kPageBytes);
  EXPECT_EQ(resident_pool_bytes() - resident_before, kTouchedPages * kPageBytes);
  if (bytes_by_numa_maps() > 0) {
    EXPECT_EQ(bytes_by_numa_maps() - mapped_before, kTouchedPages * kPageBytes);
  }
  weir_pool_munmap(range, kRangePages * kPageBytes);
  EXPECT_EQ(resident_pool_bytes(), resident_before);
}

}  // namespace
}  // namespace weir::pool

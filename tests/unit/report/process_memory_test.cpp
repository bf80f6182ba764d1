#include "report/process_memory.h"

#include <gtest/gtest.h>

namespace weir::report {
namespace {

TEST(ProcessMemory, ThisProcessHasSome) {
  const ProcessMemory memory = read_process_memory();
  ASSERT_TRUE(memory.known);
  EXPECT_GT(memory.rss_bytes, 1U << 20);
  EXPECT_GE(memory.peak_rss_bytes, memory.rss_bytes / 2);
}

}  // namespace
}  // namespace weir::report

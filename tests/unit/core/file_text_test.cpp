#include "core/file_text.h"

#include <gtest/gtest.h>

namespace weir::core {
namespace {

TEST(FileText, StatusLinesAreReadInBytes) {
  uint64_t bytes = 0;
  const char* status = "Name:\tVmRSS: 7 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 123 kB\n";
  EXPECT_TRUE(status_bytes(status, "VmRSS", &bytes));
  EXPECT_EQ(bytes, 123U * 1024);
  EXPECT_TRUE(status_bytes(status, "VmHWM", &bytes));
  EXPECT_EQ(bytes, 2048U * 1024);
  EXPECT_FALSE(status_bytes(status, "VmSwap", &bytes));
  EXPECT_FALSE(status_bytes("VmRSS:\tnone\n", "VmRSS", &bytes));
  EXPECT_FALSE(status_bytes("", "VmRSS", &bytes));
}

}  // namespace
}  // namespace weir::core

// Segments over a driver that a test scripts.
#pragma once

#include "cuda/pool/vmm_segments.h"
#include "vmm_driver.h"

namespace weir::cuda::pool {

using test::kGranule;
using test::kMiB;
using test::VmmDriver;

inline constexpr uint64_t kDeviceBytes = 256 * kMiB;

class VmmSegmentsTest : public testing::Test {
 protected:
  void SetUp() override {
    driver().reset(kDeviceBytes);
    ASSERT_EQ(segments_.open(0, kDeviceBytes), Result::success);
  }
  void TearDown() override {
    driver().allow_again();
    driver().during_calls = nullptr;
    segments_.close();
    EXPECT_EQ(driver().free_bytes(), kDeviceBytes);
    EXPECT_EQ(driver().reservation_count(), 0u);
    bind_driver_to([](const char*) -> void* { return nullptr; });
  }
  static VmmDriver& driver() { return VmmDriver::instance(); }

  Address allocate(uint64_t bytes) {
    Address address = 0;
    EXPECT_EQ(segments_.allocate(bytes, &address), Result::success);
    EXPECT_TRUE(address == 0 || driver().may_access(address + bytes - 1, 0));
    return address;
  }
  // Fills the device with blocks of `bytes` and frees every second one.
  std::vector<Address> fragment(uint64_t bytes) {
    std::vector<Address> blocks;
    for (uint64_t used = 0; used + bytes <= kDeviceBytes; used += bytes) blocks.push_back(allocate(bytes));
    std::vector<Address> kept;
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (i % 2 == 0) {
        EXPECT_TRUE(segments_.release(blocks[i]));
      } else {
        EXPECT_TRUE(driver().write(blocks[i], blocks[i]));
        kept.push_back(blocks[i]);
      }
    }
    return kept;
  }
  void expect_contents(const std::vector<Address>& blocks) {
    for (const Address block : blocks) EXPECT_TRUE(driver().holds(block, block)) << std::hex << block;
  }

  VmmSegments segments_;
};

}  // namespace weir::cuda::pool

#include "cuda/transfers.h"

#include <gtest/gtest.h>

#include <vector>

#include "cuda/allocation_table.h"

namespace weir::cuda {
namespace {

class TransfersTest : public testing::Test {
 protected:
  void SetUp() override {
    allocation_table_reset_after_fork();
    transfers_reset_after_fork();
  }
  void TearDown() override { SetUp(); }

  static TransferKey key_of(uint32_t stack, bool is_synchronous = true) {
    return {core::StackId{stack}, 3, Direction::host_to_device, HostMemory::pageable, is_synchronous};
  }
  static std::vector<Transfers> all() {
    std::vector<Transfers> found;
    for_each_transfer(
        [](void* list, const Transfers& transfers) {
          static_cast<std::vector<Transfers>*>(list)->push_back(transfers);
        },
        &found);
    return found;
  }
  static void live(Space space, uint64_t key, Kind kind) {
    Allocation allocation;
    allocation.space = space;
    allocation.key = key;
    allocation.bytes = allocation.taken_bytes = 100;
    allocation.kind = kind;
    insert_allocation(allocation);
  }
};

TEST_F(TransfersTest, EqualOnesAreAddedUp) {
  count_transfer(key_of(1), 10, 100);
  count_transfer(key_of(1), kSmallTransferBytes + 1, 200);
  count_transfer(key_of(1, false), 5, 0);
  const auto found = all();
  ASSERT_EQ(found.size(), 2u);
  const Transfers& synchronous = found[0].key.is_synchronous ? found[0] : found[1];
  EXPECT_EQ(synchronous.count, 2u);
  EXPECT_EQ(synchronous.bytes, kSmallTransferBytes + 11);
  EXPECT_EQ(synchronous.small_count, 1u);
  EXPECT_EQ(synchronous.cycles, 300u);
}

TEST_F(TransfersTest, BeyondTheTableNothingIsLostButTheStack) {
  constexpr uint32_t kStacks = kMostTransfers * 2;
  for (uint32_t stack = 1; stack <= kStacks; ++stack) count_transfer(key_of(stack), 1, 0);
  uint64_t sum = 0;
  for (const Transfers& transfers : all()) sum += transfers.count;
  EXPECT_EQ(sum, kStacks);
  EXPECT_LE(all().size(), kMostTransfers);
}

TEST_F(TransfersTest, AHostAddressIsWhatItLiesIn) {
  live(Space::address, 1000, Kind::pinned);
  live(Space::registration, 2000, Kind::registered);
  live(Space::address, 3000, Kind::managed);
  EXPECT_EQ(host_memory_at(1050), HostMemory::pinned);
  EXPECT_EQ(host_memory_at(2050), HostMemory::registered);
  EXPECT_EQ(host_memory_at(3050), HostMemory::managed);
  EXPECT_EQ(host_memory_at(5000), HostMemory::pageable);
}

TEST_F(TransfersTest, AUnifiedAddressIsADevicesOrTheHosts) {
  live(Space::address, 1000, Kind::device);
  live(Space::mapping, 2000, Kind::mapping);
  live(Space::address, 3000, Kind::pinned);
  HostMemory memory;
  EXPECT_TRUE(is_device_address(1050, &memory));
  EXPECT_TRUE(is_device_address(2050, &memory));
  EXPECT_FALSE(is_device_address(3050, &memory));
  EXPECT_EQ(memory, HostMemory::pinned);
  EXPECT_FALSE(is_device_address(9000, &memory));
  EXPECT_EQ(memory, HostMemory::pageable);
}

}  // namespace
}  // namespace weir::cuda

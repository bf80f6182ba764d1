#include "cuda/allocation_table.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::cuda {
namespace {

class AllocationTable : public testing::Test {
 protected:
  void SetUp() override { allocation_table_reset_after_fork(); }
  void TearDown() override { allocation_table_reset_after_fork(); }

  static Allocation allocation(uint64_t key, uint64_t bytes, Kind kind = Kind::device, int16_t device = 0) {
    Allocation result;
    result.key = key;
    result.bytes = result.taken_bytes = bytes;
    result.kind = kind;
    result.device = device;
    return result;
  }
  static const KindFigures& figures(Kind kind, int device = 0) {
    static DeviceFigures read;
    read = device_figures(device);
    return read.kinds[static_cast<size_t>(kind)];
  }
  static bool release(uint64_t key, uint32_t kinds = kAnyKind) {
    Allocation freed;
    if (!detach_allocation(Space::address, key, kinds, &freed)) return false;
    count_freed(freed);
    return true;
  }
};

TEST_F(AllocationTable, CountsWhatComesAndGoes) {
  EXPECT_FALSE(any_allocation());
  insert_allocation(allocation(1000, 100));
  insert_allocation(allocation(2000, 50));
  EXPECT_TRUE(release(1000));
  EXPECT_FALSE(release(1000));
  EXPECT_EQ(figures(Kind::device).alloc_count, 2u);
  EXPECT_EQ(figures(Kind::device).free_bytes, 100u);
  EXPECT_EQ(figures(Kind::device).live_bytes(), 50u);
  EXPECT_EQ(figures(Kind::device).peak_bytes, 150u);
  EXPECT_TRUE(any_allocation());
}

TEST_F(AllocationTable, ADevicesTotalsLeaveOutWhatIsNotOnIt) {
  insert_allocation(allocation(1, 10, Kind::device));
  insert_allocation(allocation(2, 20, Kind::async));
  insert_allocation(allocation(3, 40, Kind::pinned));
  insert_allocation(allocation(4, 80, Kind::managed));
  Allocation mapping = allocation(5, 160, Kind::mapping);
  mapping.space = Space::mapping;
  insert_allocation(mapping);
  EXPECT_EQ(device_figures(0).live_bytes, 30u);
  EXPECT_EQ(device_figures(0).peak_bytes, 30u);
}

TEST_F(AllocationTable, DevicesAreApartAndThoseBeyondShareTheLast) {
  insert_allocation(allocation(1, 10, Kind::device, 3));
  insert_allocation(allocation(2, 20, Kind::device, kMostDevices + 5));
  insert_allocation(allocation(3, 40, Kind::vmm, kNoDevice));
  EXPECT_EQ(device_figures(3).live_bytes, 10u);
  EXPECT_EQ(device_figures(kMostDevices - 1).live_bytes, 20u);
  EXPECT_EQ(figures(Kind::vmm, kNoDevice).live_bytes(), 40u);
  EXPECT_FALSE(device_figures(4).is_used);
}

TEST_F(AllocationTable, OnlyWhatAFunctionFreesIsDetached) {
  insert_allocation(allocation(7, 10, Kind::pinned));
  EXPECT_FALSE(release(7, bit_of(Kind::device) | bit_of(Kind::async)));
  EXPECT_TRUE(release(7, bit_of(Kind::pinned)));
}

TEST_F(AllocationTable, ARefusedFreeChangesNothing) {
  insert_allocation(allocation(7, 10));
  Allocation freed;
  ASSERT_TRUE(detach_allocation(Space::address, 7, kAnyKind, &freed));
  restore_allocation(freed);
  EXPECT_EQ(figures(Kind::device).free_count, 0u);
  EXPECT_EQ(figures(Kind::device).live_bytes(), 10u);
  EXPECT_TRUE(release(7));
}

TEST_F(AllocationTable, AnAddressHandedOutAgainWasFreedUnseen) {
  insert_allocation(allocation(7, 10));
  insert_allocation(allocation(7, 30));
  EXPECT_EQ(figures(Kind::device).live_count(), 1u);
  EXPECT_EQ(figures(Kind::device).live_bytes(), 30u);
  EXPECT_EQ(figures(Kind::device).context_freed_bytes, 10u);
  EXPECT_EQ(device_figures(0).live_bytes, 30u);
}

TEST_F(AllocationTable, InteriorPointersAreFound) {
  insert_allocation(allocation(1000, 100));
  Allocation found;
  EXPECT_TRUE(find_allocation(Space::address, 1000, &found));
  EXPECT_TRUE(find_allocation(Space::address, 1099, &found));
  EXPECT_EQ(found.key, 1000u);
  EXPECT_FALSE(find_allocation(Space::address, 1100, &found));
  EXPECT_FALSE(find_allocation(Space::address, 999, &found));
  EXPECT_FALSE(find_allocation(Space::registration, 1000, &found));
}

TEST_F(AllocationTable, AContextTakesItsOwnButNothingNewer) {
  Allocation of_context = allocation(1, 10);
  of_context.context = 77;
  insert_allocation(of_context);
  insert_allocation(allocation(2, 20));
  const uint64_t serial = last_serial();
  of_context.key = 3;
  insert_allocation(of_context);
  std::vector<uint64_t> taken;
  take_of_context(
      77, serial,
      [](void* keys, const Allocation& allocation) {
        static_cast<std::vector<uint64_t>*>(keys)->push_back(allocation.key);
      },
      &taken);
  EXPECT_EQ(taken, std::vector<uint64_t>{1});
  EXPECT_EQ(figures(Kind::device).context_freed_count, 1u);
  EXPECT_EQ(figures(Kind::device).live_bytes(), 30u);
}

TEST_F(AllocationTable, AHandleIsGivenBackOnceForEachOwner) {
  Allocation handle = allocation(9, 100, Kind::vmm);
  handle.space = Space::vmm_handle;
  insert_allocation(handle);
  add_reference(Space::vmm_handle, 9);
  EXPECT_TRUE(drop_reference(Space::vmm_handle, 9));
  EXPECT_FALSE(drop_reference(Space::vmm_handle, 9));
}

TEST_F(AllocationTable, AnOwnerTakesItsNodes) {
  Allocation node = allocation(1, 10, Kind::graph_node);
  node.space = Space::node_handle;
  node.owner = 5;
  insert_allocation(node);
  node.key = 2;
  node.owner = 6;
  insert_allocation(node);
  take_of_owner(Space::node_handle, 5);
  EXPECT_EQ(figures(Kind::graph_node).live_count(), 1u);
  EXPECT_EQ(figures(Kind::graph_node).free_count, 1u);
}

TEST_F(AllocationTable, ANewOwnerTakesWhatItWasGiven) {
  Allocation node = allocation(1, 10, Kind::graph_node);
  node.space = Space::node_handle;
  node.owner = 5;
  insert_allocation(node);
  give_to_owner(Space::node_handle, 5, 6);
  take_of_owner(Space::node_handle, 5);
  EXPECT_EQ(figures(Kind::graph_node).live_count(), 1u);
  take_of_owner(Space::node_handle, 6);
  EXPECT_EQ(figures(Kind::graph_node).live_count(), 0u);
}

TEST_F(AllocationTable, ThousandsAreVisitedInOrder) {
  for (uint64_t i = 0; i < 5000; ++i) insert_allocation(allocation(i * 7919 % 100'003 + 1, 1));
  uint64_t last = 0;
  for_each_allocation(
      [](void* last_key, const Allocation& allocation) {
        auto& last = *static_cast<uint64_t*>(last_key);
        EXPECT_GT(allocation.key, last);
        last = allocation.key;
      },
      &last);
  EXPECT_EQ(device_figures(0).live_bytes, 5000u);
}

}  // namespace
}  // namespace weir::cuda

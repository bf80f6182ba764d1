#include "cuda/heap_errors.h"

#include <gtest/gtest.h>

#include "cuda/allocation_table.h"

namespace weir::cuda {
namespace {

class HeapErrors : public testing::Test {
 protected:
  void SetUp() override { reset(); }
  void TearDown() override { reset(); }

  static void reset() {
    allocation_table_reset_after_fork();
    heap_errors_reset_after_fork();
  }
  static Allocation live(uint64_t key, Kind kind = Kind::device) {
    Allocation allocation;
    allocation.key = key;
    allocation.bytes = allocation.taken_bytes = 100;
    allocation.kind = kind;
    allocation.origin.stack = core::StackId{7};
    insert_allocation(allocation);
    return allocation;
  }
  static const HeapError& bad_free(uint64_t key, Space space = Space::address) {
    record_bad_free({{core::StackId{9}, core::ThreadId{1}, 5}, "cuMemFree_v2", space, key, Result::invalid_value});
    return heap_error(heap_error_count() - 1);
  }
};

TEST_F(HeapErrors, ASecondFreeIsToldWithTheFirst) {
  Allocation freed = live(1000);
  detach_allocation(Space::address, 1000, kAnyKind, &freed);
  remember_freed(freed, {core::StackId{8}, core::ThreadId{2}, 4});
  const HeapError& error = bad_free(1000);
  EXPECT_EQ(error.kind, HeapErrorKind::double_free);
  EXPECT_EQ(error.allocation.origin.stack, core::StackId{7});
  EXPECT_EQ(error.freed_by.stack, core::StackId{8});
  EXPECT_EQ(error.call.origin.stack, core::StackId{9});
}

TEST_F(HeapErrors, WhatWasHandedOutAgainWasNotFreedBefore) {
  Allocation freed = live(1000);
  detach_allocation(Space::address, 1000, kAnyKind, &freed);
  remember_freed(freed, {});
  forget_freed(Space::address, 1000);
  EXPECT_EQ(bad_free(1000).kind, HeapErrorKind::foreign_free);
}

TEST_F(HeapErrors, APointerInsideIsTold) {
  live(1000);
  const HeapError& error = bad_free(1010);
  EXPECT_EQ(error.kind, HeapErrorKind::interior_free);
  EXPECT_EQ(error.allocation.key, 1000u);
}

TEST_F(HeapErrors, TheWrongFunctionIsTold) {
  live(1000, Kind::pinned);
  EXPECT_EQ(bad_free(1000).kind, HeapErrorKind::mismatched_free);
  EXPECT_EQ(bad_free(1000, Space::registration).kind, HeapErrorKind::mismatched_free);
}

TEST_F(HeapErrors, WhatIsNotKnownIsForeign) {
  const HeapError& error = bad_free(4242);
  EXPECT_EQ(error.kind, HeapErrorKind::foreign_free);
  EXPECT_FALSE(error.has_allocation);
}

TEST_F(HeapErrors, TheListIsBounded) {
  for (size_t i = 0; i < kMostHeapErrors + 3; ++i) bad_free(4242);
  EXPECT_EQ(heap_error_count(), kMostHeapErrors);
  EXPECT_EQ(heap_errors_left_out_count(), 3u);
}

}  // namespace
}  // namespace weir::cuda

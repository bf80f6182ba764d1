#include "track/heap_errors.h"

#include <gtest/gtest.h>

namespace weir::track {
namespace {

class HostHeapErrors : public testing::Test {
 protected:
  void SetUp() override { heap_errors_reset_after_fork(); }
  void TearDown() override { heap_errors_reset_after_fork(); }

  static constexpr const char* kCall = "free";

  static HeapError error(HeapErrorKind kind, uint32_t stack, uint32_t alloc_stack, uint32_t free_stack = 0) {
    HeapError error{};
    error.kind = kind;
    error.call = kCall;
    error.address = 0x1000;
    error.event.stack = static_cast<core::StackId>(stack);
    error.block.stack = static_cast<core::StackId>(alloc_stack);
    error.freed.stack = static_cast<core::StackId>(free_stack);
    return error;
  }
};

TEST_F(HostHeapErrors, OnesOfTheSameKindAndStacksAreOneRow) {
  for (int i = 0; i < 5; ++i) record_heap_error(error(HeapErrorKind::double_free, 1, 2, 3));
  ASSERT_EQ(heap_error_count(), 1U);
  EXPECT_EQ(heap_error(0).count, 5U);
  EXPECT_EQ(all_heap_errors_count(), 5U);
}

TEST_F(HostHeapErrors, AnyOtherStackKindOrCallIsARowOfItsOwn) {
  record_heap_error(error(HeapErrorKind::double_free, 1, 2, 3));
  record_heap_error(error(HeapErrorKind::double_free, 9, 2, 3));
  record_heap_error(error(HeapErrorKind::double_free, 1, 9, 3));
  record_heap_error(error(HeapErrorKind::double_free, 1, 2, 9));
  record_heap_error(error(HeapErrorKind::wrong_size, 1, 2, 3));
  HeapError other = error(HeapErrorKind::double_free, 1, 2, 3);
  other.call = "operator delete";
  record_heap_error(other);
  EXPECT_EQ(heap_error_count(), 6U);
  EXPECT_EQ(heap_error(1).event.stack, static_cast<core::StackId>(9));
}

TEST_F(HostHeapErrors, WhatComesWhenTheListIsFullIsCounted) {
  constexpr uint32_t kMore = 10;
  for (uint32_t i = 1; i <= kMostHeapErrors + kMore; ++i) record_heap_error(error(HeapErrorKind::foreign_free, i, 0));
  record_heap_error(error(HeapErrorKind::foreign_free, 1, 0));
  EXPECT_EQ(heap_error_count(), kMostHeapErrors);
  EXPECT_EQ(heap_errors_left_out_count(), kMore);
  EXPECT_EQ(heap_error(0).count, 2U);
  EXPECT_EQ(all_heap_errors_count(), kMostHeapErrors + kMore + 1);
}

TEST_F(HostHeapErrors, EveryKindHasItsName) {
  EXPECT_STREQ(heap_error_name(HeapErrorKind::double_free), "double_free");
  EXPECT_STREQ(heap_error_name(HeapErrorKind::wrong_alignment), "wrong_alignment");
  EXPECT_STREQ(heap_error_name(HeapErrorKind::use_after_free), "use_after_free");
}

}  // namespace
}  // namespace weir::track

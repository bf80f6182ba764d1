#include "leak/root_regions.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

namespace weir::leak {
namespace {

using Regions = std::map<std::pair<uintptr_t, size_t>, int>;

Regions all() {
  Regions regions;
  for_each_root(
      [](void* context, uintptr_t start, size_t bytes) {
        ++(*static_cast<Regions*>(context))[{start, bytes}];
      },
      &regions);
  return regions;
}

TEST(RootRegions, AreThereUntilTheyWereRemovedAsOften) {
  ASSERT_TRUE(add_root(0x1000, 64));
  ASSERT_TRUE(add_root(0x1000, 64));
  ASSERT_TRUE(add_root(0x1000, 32));
  EXPECT_EQ(all(), (Regions{{{0x1000, 64}, 2}, {{0x1000, 32}, 1}}));
  EXPECT_TRUE(remove_root(0x1000, 64));
  EXPECT_EQ(all(), (Regions{{{0x1000, 64}, 1}, {{0x1000, 32}, 1}}));
  EXPECT_TRUE(remove_root(0x1000, 64));
  EXPECT_FALSE(remove_root(0x1000, 64));
  EXPECT_FALSE(remove_root(0x1000, 31));
  EXPECT_TRUE(remove_root(0x1000, 32));
  EXPECT_TRUE(all().empty());
}

TEST(RootRegions, WhatIsNoRangeIsRefused) {
  EXPECT_FALSE(add_root(0x1000, 0));
  EXPECT_FALSE(add_root(UINTPTR_MAX - 10, 100));
  EXPECT_TRUE(all().empty());
}

TEST(RootRegions, ThereMayBeMany) {
  constexpr uintptr_t kMany = 1000;
  for (uintptr_t i = 1; i <= kMany; ++i) ASSERT_TRUE(add_root(i * 0x1000, i));
  EXPECT_EQ(all().size(), kMany);
  for (uintptr_t i = kMany; i > 0; --i) EXPECT_TRUE(remove_root(i * 0x1000, i));
  EXPECT_TRUE(all().empty());
}

}  // namespace
}  // namespace weir::leak

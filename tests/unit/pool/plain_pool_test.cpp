#include "pool/plain_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::pool {
namespace {

constexpr size_t kBytes = 48;

// Takes blocks until their page has none at hand.
std::vector<void*> use_up(mi_page_t** page) {
  std::vector<void*> blocks{mi_malloc(kBytes)};
  *page = _mi_ptr_page(blocks[0]);
  while ((*page)->free != nullptr) blocks.push_back(mi_malloc(kBytes));
  return blocks;
}

TEST(PlainPool, WhatWasGivenBackIsReusedWhereNothingElseIsAtHand) {
  const core::Inside& inside = core::PlainGuard::token();
  mi_page_t* page = nullptr;
  const std::vector<void*> blocks = use_up(&page);
  reuse_given_back(inside, page);
  EXPECT_EQ(page->free, nullptr);  // nothing was given back

  ASSERT_GT(blocks.size(), 2U);
  const uint32_t used = page->used;
  give_plain_block(inside, page, blocks[0]);
  give_plain_block(inside, page, blocks[1]);
  EXPECT_EQ(page->free, nullptr);
  reuse_given_back(inside, page);
  EXPECT_EQ(page->local_free, nullptr);
  EXPECT_FALSE(page->is_zero);
  EXPECT_EQ(take_plain_block(inside, page), blocks[1]);
  EXPECT_EQ(take_plain_block(inside, page), blocks[0]);
  EXPECT_EQ(page->free, nullptr);
  EXPECT_EQ(page->used, used);
  for (void* block : blocks) mi_free(block);
}

}  // namespace
}  // namespace weir::pool

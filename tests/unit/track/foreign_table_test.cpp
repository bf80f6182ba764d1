#include "track/foreign_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>
#include <vector>

namespace weir::track {
namespace {

Block block_at(uintptr_t address, size_t bytes) {
  Block block;
  block.address = address;
  block.bytes = bytes;
  block.state = BlockState::live;
  block.stack = static_cast<core::StackId>(address & 0xffff);
  return block;
}

TEST(ForeignTable, AgreesWithAMapOverRandomOperations) {
  std::mt19937_64 random(11);
  std::map<uintptr_t, size_t> model;
  for (int i = 0; i < 300'000; ++i) {
    const uintptr_t address = 0x10000 + (random() % 20'000) * 16;
    if (random() % 2 == 0) {
      if (model.count(address) != 0) continue;
      const size_t bytes = random() % 3 == 0 ? (size_t{1} << 40) : random() % 1000;
      ASSERT_TRUE(foreign_insert(block_at(address, bytes)));
      model[address] = bytes;
    } else {
      Block block;
      const bool found = foreign_take(address, &block);
      ASSERT_EQ(found, model.count(address) != 0);
      if (found) {
        EXPECT_EQ(block.bytes, model[address]);
        model.erase(address);
      }
    }
  }
  size_t visited = 0;
  foreign_for_each(
      [](void* context, const Block& block) {
        auto* state = static_cast<std::pair<std::map<uintptr_t, size_t>*, size_t*>*>(context);
        ASSERT_EQ(state->first->at(block.address), block.bytes);
        ++*state->second;
      },
      [&] {
        static std::pair<std::map<uintptr_t, size_t>*, size_t*> state;
        state = {&model, &visited};
        return static_cast<void*>(&state);
      }());
  EXPECT_EQ(visited, model.size());
  Block block;
  for (const auto& [address, bytes] : model) EXPECT_TRUE(foreign_take(address, &block));
}

TEST(ForeignTable, ThreadsDoNotLoseEachOthersBlocks) {
  std::vector<std::thread> threads;
  for (uintptr_t t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      Block block;
      for (uintptr_t i = 1; i <= 20'000; ++i) ASSERT_TRUE(foreign_insert(block_at((t << 40) + i * 16, i)));
      for (uintptr_t i = 1; i <= 20'000; ++i) {
        ASSERT_TRUE(foreign_take((t << 40) + i * 16, &block));
        ASSERT_EQ(block.bytes, i);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace weir::track

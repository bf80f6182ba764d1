#include "core/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace weir::core {
namespace {

bool all_zero(const char* piece, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    if (piece[i] != 0) return false;
  }
  return true;
}

TEST(Arena, ADiscardedPieceIsHandedOutAgainZeroed) {
  for (const size_t bytes : {size_t{1000}, size_t{64} << 10, size_t{200} << 10, size_t{1} << 20}) {
    auto* piece = static_cast<char*>(arena_allocate(bytes));
    ASSERT_NE(piece, nullptr);
    memset(piece, 1, bytes);
    arena_discard(piece, bytes);
    auto* again = static_cast<char*>(arena_allocate(bytes));
    ASSERT_EQ(again, piece) << bytes;
    EXPECT_TRUE(all_zero(again, bytes)) << bytes;
  }
}

// From 16 MiB on chunks are of huge pages.
TEST(Arena, MuchMemoryIsZeroedAndApart) {
  std::vector<char*> pieces;
  constexpr size_t kBytes = size_t{300} << 10;
  for (int i = 0; i < 200; ++i) {
    pieces.push_back(static_cast<char*>(arena_allocate(kBytes)));
    ASSERT_NE(pieces.back(), nullptr);
    ASSERT_TRUE(all_zero(pieces.back(), kBytes)) << i;
    memset(pieces.back(), i, kBytes);
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    const char value = static_cast<char>(i);
    ASSERT_TRUE(std::all_of(pieces[i], pieces[i] + kBytes, [value](char byte) { return byte == value; })) << i;
    arena_release(pieces[i], kBytes);
  }
}

TEST(Arena, PiecesAreZeroedAlignedAndApart) {
  std::mt19937 random(7);
  std::vector<std::pair<char*, size_t>> pieces;
  for (int i = 0; i < 2000; ++i) {
    const size_t bytes = 1 + random() % 5000;
    auto* piece = static_cast<char*>(arena_allocate(bytes));
    ASSERT_NE(piece, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(piece) % (bytes >= 64 ? 64 : 16), 0U);
    ASSERT_TRUE(all_zero(piece, bytes));
    memset(piece, i & 0xff, bytes);
    pieces.emplace_back(piece, bytes);
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    for (size_t k = 0; k < pieces[i].second; ++k) {
      ASSERT_EQ(pieces[i].first[k], static_cast<char>(i & 0xff)) << "piece " << i << " was overwritten";
    }
  }
}

TEST(Arena, AReleasedPieceIsReusedAndCleared) {
  void* first = arena_allocate(3000);
  memset(first, 0xff, 3000);
  arena_release(first, 3000);
  auto* second = static_cast<char*>(arena_allocate(3000));
  EXPECT_EQ(second, first);
  EXPECT_TRUE(all_zero(second, 3000));
}

TEST(Arena, AReusedPieceIsLargeEnoughForEverySizeOfItsClass) {
  // A class that held pieces of different rounded sizes would hand out one that is too small.
  for (size_t bytes = 1; bytes < 300'000; bytes += 1 + bytes / 7) {
    auto* piece = static_cast<char*>(arena_allocate(bytes));
    memset(piece, 0xee, bytes);
    arena_release(piece, bytes);
    auto* larger = static_cast<char*>(arena_allocate(bytes + bytes / 9 + 1));
    memset(larger, 0xdd, bytes + bytes / 9 + 1);
    auto* again = static_cast<char*>(arena_allocate(bytes));
    ASSERT_TRUE(all_zero(again, bytes));
    memset(again, 0xcc, bytes);
    for (size_t i = 0; i < bytes + bytes / 9 + 1; ++i) ASSERT_EQ(larger[i], static_cast<char>(0xdd)) << bytes;
  }
}

TEST(Arena, ThreadsGetDifferentPieces) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 2000; ++i) {
        const size_t bytes = 16 + static_cast<size_t>(i % 700);
        auto* piece = static_cast<char*>(arena_allocate(bytes));
        memset(piece, t, bytes);
        std::this_thread::yield();
        for (size_t k = 0; k < bytes; ++k) ASSERT_EQ(piece[k], t);
        arena_release(piece, bytes);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace weir::core

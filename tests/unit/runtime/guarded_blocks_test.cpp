#include "runtime/guarded_blocks.h"

#include <gtest/gtest.h>

#include "pool/host_pool.h"

namespace weir::runtime {
namespace {

// A block of the pool's with bounds, as acquire() makes one.
class Bounded {
 public:
  explicit Bounded(size_t bytes, size_t alignment = 16) {
    const core::Guard guard;
    base_ = pool::pool_allocate(guard.token(), guarded_bytes(bytes, alignment));
    const auto base = reinterpret_cast<uintptr_t>(base_);
    block_ = {base, (base + kFrontBytes + alignment - 1) & ~(alignment - 1), bytes};
    draw_bounds(block_);
  }
  ~Bounded() {
    const core::Guard guard;
    pool::pool_release(guard.token(), base_);
  }
  Bounded(const Bounded&) = delete;
  Bounded& operator=(const Bounded&) = delete;

  const GuardedBlock& block() const { return block_; }
  uint8_t& at(ptrdiff_t offset) const { return reinterpret_cast<uint8_t*>(block_.user)[offset]; }
  uintptr_t address(ptrdiff_t offset) const { return block_.user + static_cast<uintptr_t>(offset); }

 private:
  void* base_;
  GuardedBlock block_;
};

TEST(GuardedBlocks, AllOfABlockIsTheProgramsToWrite) {
  for (const size_t bytes : {0UL, 1UL, 15UL, 16UL, 100UL, 4096UL, 100'000UL, 20UL << 20}) {
    for (const size_t alignment : {16UL, 64UL, 4096UL}) {
      const Bounded bounded(bytes, alignment);
      ASSERT_EQ(bounded.block().user % alignment, 0U);
      for (size_t i = 0; i < bytes; ++i) bounded.at(static_cast<ptrdiff_t>(i)) = 0;
      EXPECT_EQ(find_overflow(bounded.block()), 0U) << bytes << " at " << alignment;
    }
  }
}

TEST(GuardedBlocks, AByteWrittenBesideItIsFound) {
  for (const size_t bytes : {0UL, 1UL, 15UL, 16UL, 100UL, 4096UL, 100'000UL}) {
    const auto end = static_cast<ptrdiff_t>(bytes);
    for (const ptrdiff_t offset : {ptrdiff_t{-16}, ptrdiff_t{-1}, end, end + 1, end + 15}) {
      for (const int value : {0, 0xff, 0x41}) {
        const Bounded bounded(bytes);
        bounded.at(offset) = static_cast<uint8_t>(value);
        EXPECT_EQ(find_overflow(bounded.block()), bounded.address(offset)) << offset << " of " << bytes;
      }
    }
  }
}

TEST(GuardedBlocks, AWriteToAFreedBlockIsFoundWhereverItIs) {
  for (const size_t bytes : {1UL, 7UL, 8UL, 9UL, 100UL, 100'000UL}) {
    const Bounded bounded(bytes);
    fill_freed(bounded.block());
    EXPECT_EQ(find_late_write(bounded.block()), 0U);
    for (const size_t offset : {size_t{0}, bytes / 2, bytes - 1}) {
      bounded.at(static_cast<ptrdiff_t>(offset)) = 0;
      EXPECT_EQ(find_late_write(bounded.block()), bounded.address(static_cast<ptrdiff_t>(offset)));
      fill_freed(bounded.block());
    }
  }
}

TEST(GuardedBlocks, MoreThanThereIsIsRefused) {
  EXPECT_EQ(guarded_bytes(SIZE_MAX - 40, 16), 0U);
  EXPECT_EQ(guarded_bytes(SIZE_MAX / 2, SIZE_MAX / 2 + 1), 0U);
  EXPECT_GE(guarded_bytes(100, 16), 100 + kFrontBytes + kLeastBehindBytes);
}

}  // namespace
}  // namespace weir::runtime

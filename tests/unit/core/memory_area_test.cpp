#include "core/memory_area.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

namespace weir::core {
namespace {

constexpr size_t kPage = 4096;

uintptr_t number_of(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

TEST(MemoryArea, IsFoundWithItsBoundsAndRights) {
  auto* pages = static_cast<char*>(mmap(nullptr, 5 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_EQ(mprotect(pages + kPage, kPage, PROT_READ), 0);
  ASSERT_EQ(mprotect(pages + 2 * kPage, kPage, PROT_READ | PROT_WRITE), 0);
  MemoryArea area;
  ASSERT_EQ(find_memory_area(number_of(pages + kPage), &area), AreaAnswer::found);
  EXPECT_EQ(area.start, number_of(pages + kPage));
  EXPECT_EQ(area.end, number_of(pages + 2 * kPage));
  EXPECT_TRUE(area.is_readable);
  EXPECT_FALSE(area.is_writable);
  EXPECT_FALSE(area.is_file);
  ASSERT_EQ(find_memory_area(number_of(pages + 3 * kPage - 1), &area), AreaAnswer::found);
  EXPECT_TRUE(area.is_writable);
  ASSERT_EQ(find_memory_area(number_of(pages + 3 * kPage), &area), AreaAnswer::found);
  EXPECT_FALSE(area.is_readable);
  munmap(pages, 5 * kPage);
}

TEST(MemoryArea, IsNoneWhereNothingIsMapped) {
  auto* page = static_cast<char*>(mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  munmap(page, kPage);
  MemoryArea area;
  EXPECT_EQ(find_memory_area(number_of(page), &area), AreaAnswer::none);
  EXPECT_EQ(find_memory_area(0, &area), AreaAnswer::none);
  EXPECT_EQ(find_memory_area(~uintptr_t{0}, &area), AreaAnswer::none);
}

TEST(MemoryArea, FilesAndTheStackAreTold) {
  const int local = 0;
  MemoryArea area;
  ASSERT_EQ(find_memory_area(number_of(&local), &area), AreaAnswer::found);
  EXPECT_TRUE(area.is_stack);
  ASSERT_EQ(find_memory_area(number_of(reinterpret_cast<const void*>(&find_memory_area)), &area), AreaAnswer::found);
  EXPECT_TRUE(area.is_file);
  auto* const at_break = static_cast<char*>(sbrk(kPage));
  ASSERT_EQ(find_memory_area(number_of(at_break), &area), AreaAnswer::found);
  EXPECT_TRUE(area.is_heap);
}

}  // namespace
}  // namespace weir::core

#include "runtime/process_exec.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::runtime {
namespace {

std::string without_weir(const char* text) {
  char result[256];
  const size_t bytes = preload_without_weir(text, result, sizeof result);
  return bytes == 0 ? "too long" : std::string(result, bytes - 1);
}

TEST(preload_without_weir, leaves_other_libraries_in_their_order) {
  EXPECT_EQ(without_weir("/opt/lib/libweir.so"), "");
  EXPECT_EQ(without_weir("libweir.so"), "");
  EXPECT_EQ(without_weir("liba.so:/x/libweir.so:libb.so"), "liba.so:libb.so");
  EXPECT_EQ(without_weir("liba.so /x/libweir.so libb.so"), "liba.so:libb.so");
  EXPECT_EQ(without_weir("::liba.so: "), "liba.so");
}

TEST(preload_without_weir, takes_only_the_library_of_that_very_name) {
  EXPECT_EQ(without_weir("/x/notlibweir.so"), "/x/notlibweir.so");
  EXPECT_EQ(without_weir("/x/libweir.so.bak"), "/x/libweir.so.bak");
  EXPECT_EQ(without_weir("/libweir.so/other.so"), "/libweir.so/other.so");
}

TEST(preload_without_weir, says_where_the_result_does_not_fit) {
  char small[8];
  EXPECT_EQ(preload_without_weir("liba.so", small, sizeof small), 0U);
  EXPECT_EQ(preload_without_weir("lib.so", small, sizeof small), 7U);
  EXPECT_EQ(preload_without_weir("", small, sizeof small), 1U);
}

}  // namespace
}  // namespace weir::runtime

#include "runtime/process_first.h"

#include <gtest/gtest.h>

#include "core/system_call.h"

namespace weir::runtime {
namespace {

TEST(names_each_process, by_pid_or_counter_only) {
  EXPECT_TRUE(names_each_process("./weir.%e.%p.json"));
  EXPECT_TRUE(names_each_process("out.%n.json"));
  EXPECT_TRUE(names_each_process("reports/"));
  EXPECT_FALSE(names_each_process("out.json"));
  EXPECT_FALSE(names_each_process("%h.%t.json"));
}

TEST(names_each_process, a_percent_sign_of_its_own_names_nothing) {
  EXPECT_FALSE(names_each_process("50%%p.json"));
  EXPECT_TRUE(names_each_process("50%%%p.json"));
  EXPECT_FALSE(names_each_process("100%"));
}

TEST(runs_under_weir, is_false_for_processes_without_the_library) {
  EXPECT_FALSE(runs_under_weir(core::current_pid()));
  EXPECT_FALSE(runs_under_weir(0x7fffffff));
}

}  // namespace
}  // namespace weir::runtime

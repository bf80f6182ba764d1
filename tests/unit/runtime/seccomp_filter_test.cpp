#include "runtime/seccomp_filter.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <vector>

namespace weir::runtime {
namespace {

bool filter_may_kill(std::vector<sock_filter> instructions) {
  const sock_fprog program{static_cast<unsigned short>(instructions.size()), instructions.data()};
  return may_kill(&program);
}

sock_filter answer(unsigned action) { return BPF_STMT(BPF_RET | BPF_K, action); }
sock_filter load() { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0); }

TEST(may_kill, answers_by_error_number_do_not) {
  EXPECT_FALSE(filter_may_kill({load(), answer(SECCOMP_RET_ALLOW)}));
  EXPECT_FALSE(
      filter_may_kill({load(), answer(SECCOMP_RET_ERRNO | 1), answer(SECCOMP_RET_ALLOW), answer(SECCOMP_RET_LOG)}));
}

TEST(may_kill, one_lethal_answer_is_enough) {
  for (unsigned action : {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP}) {
    EXPECT_TRUE(filter_may_kill({load(), answer(SECCOMP_RET_ALLOW), answer(action)})) << action;
  }
}

TEST(may_kill, an_answer_that_is_computed_may_be_lethal) {
  EXPECT_TRUE(filter_may_kill({load(), BPF_STMT(BPF_RET | BPF_A, 0)}));
}

TEST(may_kill, long_filters_are_read_to_their_end) {
  std::vector<sock_filter> instructions(1000, load());
  instructions.push_back(answer(SECCOMP_RET_ALLOW));
  EXPECT_FALSE(filter_may_kill(instructions));
  instructions.push_back(answer(SECCOMP_RET_KILL_PROCESS));
  EXPECT_TRUE(filter_may_kill(instructions));
}

TEST(may_kill, a_program_that_cannot_be_read_is_taken_for_lethal) {
  EXPECT_TRUE(may_kill(reinterpret_cast<const void*>(16)));
  const sock_fprog bad{4, reinterpret_cast<sock_filter*>(16)};
  EXPECT_TRUE(may_kill(&bad));
}

}  // namespace
}  // namespace weir::runtime

#include "leak/signal_set.h"

#include <gtest/gtest.h>

namespace weir::leak {
namespace {

constexpr int kParking = 63;
constexpr SignalSet kTerminate = bit_of(15);

TEST(SignalSet, EveryMaskReadsBackAsSet) {
  for (const SignalSet mask : {SignalSet{0}, kTerminate, kRealTimeSignals, ~SignalSet{0}, kRealTimeSignals | kTerminate,
                               bit_of(kParking), bit_of(40) | bit_of(kParking), kRealTimeSignals & ~bit_of(40)}) {
    EXPECT_EQ(mask, program_mask(kernel_mask(mask, kParking), kParking)) << std::hex << mask;
  }
}

TEST(SignalSet, StaysOpenWhereAllOthersAreBlocked) {
  EXPECT_EQ(~bit_of(kParking), kernel_mask(~SignalSet{0}, kParking));
  EXPECT_TRUE(holds_open(kernel_mask(kRealTimeSignals, kParking), kParking));
  EXPECT_FALSE(holds_open(~SignalSet{0}, kParking));
  EXPECT_FALSE(holds_open(kTerminate, kParking));
}

TEST(SignalSet, TheOneMaskThatIsTakenForAnotherIsKnown) {
  EXPECT_TRUE(names_signal(kRealTimeSignals & ~bit_of(kParking), kParking));
  EXPECT_FALSE(names_signal(kRealTimeSignals, kParking));
  EXPECT_FALSE(names_signal(bit_of(kParking), kParking));
  EXPECT_FALSE(names_signal(0, kParking));
}

TEST(SignalSet, WithoutAParkingSignalEveryMaskIsWhatItSays) {
  for (const SignalSet mask : {SignalSet{0}, kRealTimeSignals, ~SignalSet{0}, ~bit_of(kParking)}) {
    EXPECT_EQ(mask, kernel_mask(mask, 0));
    EXPECT_EQ(mask, program_mask(mask, 0));
    EXPECT_FALSE(names_signal(mask, 0));
  }
}

}  // namespace
}  // namespace weir::leak

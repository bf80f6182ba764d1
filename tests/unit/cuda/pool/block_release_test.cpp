// What a free does: waits or not, keeps the block or leaves it to the driver, and what becomes of errors.
#include "cuda/pool/block_release.h"

#include "pool_fixture.h"

namespace weir::cuda::pool {
namespace {

using test::PoolDriver;
using Is = PointerFacts::Is;

class BlockReleaseTest : public PoolTest {};

TEST_F(BlockReleaseTest, StrictSynchronisesOnceAtAFreeAndNothingElse) {
  const std::vector<Address> blocks = allocate_many(20, 3 * kMiB);
  driver().calls_made();
  release_all(blocks);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuCtxSynchronize", 20}}));
  EXPECT_EQ(of_device().synchronise_count, 20u);
  EXPECT_EQ(of_device().kept_count, 20u);
  EXPECT_EQ(of_device().quarantined_count, 0u);
}

TEST_F(BlockReleaseTest, DeferredMakesNoCallAtAFree) {
  start(Mode::deferred);
  const std::vector<Address> blocks = allocate_many(20, 3 * kMiB);
  driver().contexts.at(kContext).is_working = true;
  driver().calls_made();
  release_all(blocks);
  EXPECT_EQ(driver().calls_made(), Calls{});
  EXPECT_EQ(of_device().quarantined_count, 20u);
}

TEST_F(BlockReleaseTest, WithoutEventsOfAContextDeferredWaitsAsStrict) {
  start({.device_mode = Mode::deferred}, kDeviceBytes, "cuCtxRecordEvent");
  const Address block = allocate(4096);
  driver().calls_made();
  EXPECT_EQ(release(block), Result::success);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuCtxSynchronize", 1}}));
  EXPECT_EQ(allocate(4096), block);
}

TEST_F(BlockReleaseTest, AnErrorOfEarlierWorkIsReturnedAndTheBlockStaysLive) {
  const Address block = allocate(4096);
  driver().script("cuCtxSynchronize", {PoolDriver::kUnknown});
  EXPECT_EQ(release(block), PoolDriver::kUnknown);
  EXPECT_EQ(state_of(block), Is::live);
  EXPECT_NE(allocate(4096), block);
  EXPECT_EQ(release(block), Result::success);
  EXPECT_EQ(state_of(block), Is::freed);
  EXPECT_TRUE(driver().owns(block));
}

TEST_F(BlockReleaseTest, AfterAStickyErrorEverythingPasses) {
  const Address block = allocate(4096), other = allocate(4096);
  make_idle(1, 8192);
  driver().script("cuCtxSynchronize", {PoolDriver::kIllegal});
  EXPECT_EQ(release(block), PoolDriver::kIllegal);
  driver().calls_made();
  allocate(8192);  // there is an idle one
  EXPECT_TRUE(was_passed_);
  driver().always("cuMemFree_v2", PoolDriver::kIllegal);
  EXPECT_EQ(release(other), PoolDriver::kIllegal);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuMemAlloc_v2", 1}, {"cuMemFree_v2", 1}}));
  EXPECT_EQ(state_of(other), Is::live) << "the driver has refused to free it";
}

TEST_F(BlockReleaseTest, WhatTheDriverSaysOfACaptureItsOwnFreeAnswers) {
  const Address block = allocate(4096);
  driver().calls_made();
  driver().script("cuCtxSynchronize", {PoolDriver::kCaptureUnsafe});
  EXPECT_EQ(release(block), Result::success);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuCtxSynchronize", 1}, {"cuMemFree_v2", 1}}));
  EXPECT_FALSE(driver().owns(block));
}

TEST_F(BlockReleaseTest, WhileAStreamIsCapturedNoCallOfTheProgramsIsServed) {
  for (const Mode mode : {Mode::strict, Mode::deferred}) {
    start(mode);
    const Address block = allocate(4096);
    make_idle(1, 8192);
    const auto stream = reinterpret_cast<Stream>(0x3000);
    CaptureBeginning(call_of(Entry::cuStreamBeginCapture_v2), stream).finish(Result::success);
    allocate(8192);
    EXPECT_TRUE(was_passed_);
    EXPECT_EQ(release(block), Result::success);
    EXPECT_EQ(driver().calls_made(), (Calls{{"cuMemAlloc_v2", 1}, {"cuMemFree_v2", 1}}));
    note_captures_ended_with_stream(stream, last_capture());
    allocate(8192);
    EXPECT_FALSE(was_passed_);
  }
}

TEST_F(BlockReleaseTest, ASecondFreeIsAnsweredByTheDriver) {
  const Address block = make_idle(1, 4096)[0];
  EXPECT_EQ(release(block), Result::invalid_value);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuMemFree_v2", 1}}));
  EXPECT_TRUE(driver().owns(block)) << "another's memory was freed";
  EXPECT_EQ(allocate(4096), block);
  EXPECT_EQ(state_of(block), Is::live);
}

// The second comes in the middle of the first: while it waits for the device.
TEST_F(BlockReleaseTest, OfTwoFreesAtOnceOneHasTheBlock) {
  const Address block = allocate(4096);
  Result second = Result::success;
  driver().during_calls = [&](const std::string& call) {
    if (call == "cuCtxSynchronize") second = release(block);
  };
  EXPECT_EQ(release(block), Result::success);
  driver().during_calls = nullptr;
  EXPECT_EQ(second, Result::invalid_value);
  EXPECT_EQ(allocate(4096), block);
  EXPECT_NE(allocate(4096), block);
}

TEST_F(BlockReleaseTest, AnInteriorAddressIsTheDrivers) {
  const Address block = allocate(4096);
  EXPECT_EQ(release(block + 256), Result::invalid_value);
  EXPECT_TRUE(was_passed_);
  EXPECT_EQ(state_of(block), Is::live);
}

TEST_F(BlockReleaseTest, WhatOthersMayUseIsReallyFreed) {
  const Address block = allocate(3 * kMiB);
  note_exported(call_of(Entry::cuMemFree_v2), block + kMiB);
  driver().calls_made();
  EXPECT_EQ(release(block), Result::success);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuMemFree_v2", 1}}));
  EXPECT_FALSE(driver().owns(block));
  EXPECT_EQ(of_device().returned_count, 1u);
}

TEST_F(BlockReleaseTest, AnExportedBlockThatTheDriverRefusesToFreeStaysExported) {
  const Address block = allocate(4096);
  note_exported(call_of(Entry::cuMemFree_v2), block);
  driver().script("cuMemFree_v2", {PoolDriver::kUnknown});
  EXPECT_EQ(release(block), PoolDriver::kUnknown);
  EXPECT_EQ(state_of(block), Is::live);
  EXPECT_EQ(of_device().live_count, 1u);
  EXPECT_EQ(release(block), Result::success);
  EXPECT_FALSE(driver().owns(block)) << "it was kept";
}

TEST_F(BlockReleaseTest, InAnotherContextTheDriverFrees) {
  const Address block = allocate(4096);
  enter(kOther);
  EXPECT_EQ(release(block), Result::success);
  EXPECT_FALSE(driver().owns(block));
  EXPECT_EQ(of_device().returned_count, 1u);
}

TEST_F(BlockReleaseTest, AGreenContextsMemoryIsItsPrimaryOnes) {
  constexpr uint64_t kGreen = 0x3000;
  driver().contexts[kGreen] = {0, kContext};
  const Address block = make_idle(1, 4096)[0];
  enter(kGreen);
  const Address first = allocate(8192);  // the driver tells whose it is
  EXPECT_EQ(allocate(4096), block);
  EXPECT_EQ(release(first), Result::success);
  EXPECT_EQ(release(block), Result::success);
  enter(kContext);
  EXPECT_EQ(of_device().quarantined_count, 2u) << "the green context's synchronise says nothing of the primary one";
  synchronise(kContext);
  EXPECT_EQ(allocate(8192), first);
  EXPECT_EQ(allocate(4096), block);
  driver().contexts.erase(kGreen);
  note_green_context_ended();
  EXPECT_EQ(state_of(block), Is::live);
}

TEST_F(BlockReleaseTest, WithoutACurrentContextTheDriverAnswers) {
  const Address block = allocate(4096);
  enter(0);
  EXPECT_EQ(allocate(4096), 0u);
  EXPECT_EQ(last_result_, static_cast<Result>(201));
  EXPECT_EQ(release(block), Result::success);
  EXPECT_FALSE(driver().owns(block));
}

TEST_F(BlockReleaseTest, AContextsEndTakesItsBlocksWithoutACall) {
  const Address idle = make_idle(1, 4096)[0], live = allocate(8192);
  enter(kOther);
  const Address others = allocate(8192);
  driver().calls_made();
  note_context_ending(kContext);
  driver().contexts.erase(kContext);
  note_context_ended(kContext, true);
  EXPECT_EQ(driver().calls_made(), Calls{});
  EXPECT_EQ(state_of(idle), Is::unknown);
  EXPECT_EQ(state_of(live), Is::unknown);
  EXPECT_EQ(state_of(others), Is::live);
  EXPECT_EQ(of_device().live_count, 1u);
  EXPECT_EQ(of_device().cached_count, 0u);
}

TEST_F(BlockReleaseTest, WhileAContextIsEndingItIsNotServedAndWhereItGoesOnItIsAgain) {
  const Address block = make_idle(1, 4096)[0];
  note_context_ending(kContext);
  EXPECT_NE(allocate(4096), block);
  EXPECT_TRUE(was_passed_);
  note_context_ended(kContext, false);
  EXPECT_EQ(allocate(4096), block);
}

TEST_F(BlockReleaseTest, ACallThatFreesInAStreamTakesTheBlock) {
  const Address block = allocate(4096), refused = allocate(4096), freed = make_idle(1, 8192)[0];
  {
    GivenUp given_up(Memory::device, block);
    EXPECT_FALSE(given_up.was_freed_before());
    EXPECT_EQ(state_of(block), Is::unknown);
    EXPECT_EQ(given_up.finish(Result::success), Result::success);
  }
  EXPECT_EQ(state_of(block), Is::unknown);
  GivenUp given_up(Memory::device, refused);
  EXPECT_EQ(given_up.finish(Result::invalid_value), Result::invalid_value);
  EXPECT_EQ(state_of(refused), Is::live);
  EXPECT_TRUE(GivenUp(Memory::device, freed).was_freed_before());
  EXPECT_EQ(of_device().live_count, 1u);
  EXPECT_EQ(of_device().cached_count, 1u);
}

TEST_F(BlockReleaseTest, PinnedMemoryIsKeptByFlagsAndKind) {
  const Address plain = allocate_host(4096), mapped = allocate_host(4096, 2);
  driver().calls_made();
  configure({.most_pinned_bytes = kMiB});
  EXPECT_EQ(release_host(plain), Result::success);
  EXPECT_EQ(release_host(mapped), Result::success);
  EXPECT_EQ(driver().calls_made(), (Calls{{"cuCtxSynchronize", 2}}));
  EXPECT_EQ(allocate_host(4096, 2), mapped);
  EXPECT_EQ(allocate_host(4096), plain);
  EXPECT_EQ(driver().calls_made(), Calls{});
  EXPECT_TRUE(release_device(call_of(Entry::cuMemFree_v2), plain).is_passed) << "freed as device memory";
}

}  // namespace
}  // namespace weir::cuda::pool

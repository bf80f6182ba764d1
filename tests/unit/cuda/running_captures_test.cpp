// What ends a capture, and what does not.
#include "cuda/running_captures.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "cuda/driver.h"

namespace weir::cuda {
namespace {

const auto kStream = reinterpret_cast<Stream>(0x1000), kOther = reinterpret_cast<Stream>(0x2000);
const auto kThreads = reinterpret_cast<Stream>(kPerThreadStream);
constexpr uint64_t kContext = 0x3000, kElsewhere = 0x4000;
const auto kGreen = reinterpret_cast<GreenContext>(0x5000);

// What the driver says of any stream.
uint64_t context_of_streams;
GreenContext green_of_streams;

Result stream_contexts(Stream, Context* context, GreenContext* green) {
  *context = reinterpret_cast<Context>(context_of_streams);
  *green = green_of_streams;
  return Result::success;
}

class RunningCaptures : public testing::Test {
 protected:
  void SetUp() override {
    context_of_streams = kContext;
    green_of_streams = nullptr;
    bind_driver_to([](const char* name) -> void* {
      return std::string(name) == "cuStreamGetCtx_v2" ? reinterpret_cast<void*>(&stream_contexts) : nullptr;
    });
    running_captures_reset_after_fork();
  }
  void TearDown() override {
    running_captures_reset_after_fork();
    bind_driver_to([](const char*) -> void* { return nullptr; });
  }
  static void begin(Stream stream, Result result = Result::success) { CaptureBeginning(call_, stream).finish(result); }
  static void end(Stream stream) { note_capture_ended(call_, stream, last_capture()); }
  static void destroy(Stream stream) { note_captures_ended_with_stream(stream, last_capture()); }

  static constexpr Call call_{};
};

TEST_F(RunningCaptures, CountFromBeforeTheyBegin) {
  {
    const CaptureBeginning beginning(call_, kStream);
    EXPECT_TRUE(any_capture());
    EXPECT_FALSE(OutsideCaptures());
    beginning.finish(Result::invalid_value);
  }
  EXPECT_FALSE(any_capture());
  EXPECT_TRUE(OutsideCaptures());
}

TEST_F(RunningCaptures, EndWhereTheyBegan) {
  begin(kStream);
  end(kOther);  // has only joined
  destroy(kOther);
  EXPECT_TRUE(any_capture());
  end(kStream);
  EXPECT_FALSE(any_capture());
}

TEST_F(RunningCaptures, EndWithTheirStream) {
  begin(kStream);
  begin(kOther);
  destroy(kStream);
  EXPECT_TRUE(any_capture());
  destroy(kOther);
  EXPECT_FALSE(any_capture());
}

// The driver gives the handle away again before the call that ended its stream has taken note.
TEST_F(RunningCaptures, OfALaterStreamOfThatHandleGoOn) {
  begin(kStream);
  const uint64_t last = last_capture();
  begin(kStream);
  note_captures_ended_with_stream(kStream, last);
  EXPECT_TRUE(any_capture());
  destroy(kStream);
  EXPECT_FALSE(any_capture());
}

TEST_F(RunningCaptures, EndWithTheirContext) {
  begin(kStream);
  begin(kThreads);
  context_of_streams = kElsewhere;
  begin(kOther);
  note_captures_ended_with_context(0, last_capture());
  note_captures_ended_with_context(kContext, last_capture());
  EXPECT_TRUE(any_capture());
  note_captures_ended_with_context(kElsewhere, last_capture());
  EXPECT_FALSE(any_capture());
}

TEST_F(RunningCaptures, EndWithTheirGreenContextOrItsPrimaryOne) {
  green_of_streams = kGreen;
  begin(kStream);
  note_captures_ended_with_green_context(nullptr, last_capture());
  EXPECT_TRUE(any_capture());
  note_captures_ended_with_green_context(kGreen, last_capture());
  EXPECT_FALSE(any_capture());
  begin(kStream);
  note_captures_ended_with_context(kContext, last_capture());
  EXPECT_FALSE(any_capture());
}

TEST_F(RunningCaptures, OfAThreadsDefaultStreamAreItsOwnInEachContext) {
  begin(kThreads);
  std::thread([] { end(kThreads); }).join();
  EXPECT_TRUE(any_capture());
  context_of_streams = kElsewhere;
  end(kThreads);
  EXPECT_TRUE(any_capture());
  context_of_streams = kContext;
  end(kThreads);
  EXPECT_FALSE(any_capture());
}

TEST_F(RunningCaptures, AreGoneWithTheDriver) {
  begin(kStream);
  forget_captures();
  EXPECT_FALSE(any_capture());
  begin(kStream);
  end(kStream);
  EXPECT_FALSE(any_capture());
}

}  // namespace
}  // namespace weir::cuda

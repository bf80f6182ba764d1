// What is refused while a stream captures, and spoils the capture: by the modes of the capture and of the calling thread, as cuda.h says
// at cuThreadExchangeStreamCaptureMode() and at cuCtxRecordEvent().
#include <functional>
#include <thread>

#include "driver_test.h"

namespace simcuda {
namespace {

constexpr CUstreamCaptureMode kModes[] = {CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL,
                                          CU_STREAM_CAPTURE_MODE_RELAXED};

struct Case {
  CUstreamCaptureMode capture;
  bool other_thread;
  CUstreamCaptureMode thread;  // of the calling thread
};

// Whether a potentially unsafe call is refused: for each mode of a capture, the calling thread's own mode (global, thread-local, relaxed)
// in the capturing thread, and in another.
constexpr bool kRefused[3][2][3] = {{{true, true, false}, {true, false, false}},
                                    {{true, true, false}, {false, false, false}},
                                    {{false, false, false}, {false, false, false}}};

class Captures : public DriverTest {
 protected:
  void SetUp() override {
    DriverTest::SetUp();
    EXPECT_OK(cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING));
    EXPECT_OK(cuStreamCreate(&blocking_, CU_STREAM_DEFAULT));
    EXPECT_OK(cuStreamCreate(&other_, CU_STREAM_NON_BLOCKING));
    EXPECT_OK(cuEventCreate(&event_, 0));
    EXPECT_OK(cuEventRecord(event_, other_));
    EXPECT_OK(cuEventSynchronize(event_));
  }

  using Call = std::function<CUresult()>;

  // The call's result, made while a stream captures.
  CUresult result_of(const Case& of, CUstream stream, const Call& call, bool* survived) {
    EXPECT_OK(cuStreamBeginCapture(stream, of.capture));
    CUresult result = CUDA_ERROR_UNKNOWN;
    const auto make = [&] {
      EXPECT_OK(cuCtxSetCurrent(context_));
      CUstreamCaptureMode mode = of.thread;
      EXPECT_OK(cuThreadExchangeStreamCaptureMode(&mode));
      result = call();
      EXPECT_OK(cuThreadExchangeStreamCaptureMode(&mode));
    };
    if (of.other_thread) {
      std::thread(make).join();
    } else {
      make();
    }
    CUgraph graph = nullptr;
    *survived = cuStreamEndCapture(stream, &graph) == CUDA_SUCCESS;
    if (graph != nullptr) {
      EXPECT_OK(cuGraphDestroy(graph));
    }
    return result;
  }

  void expect_in_all(CUstream stream, const Call& call, const std::function<CUresult(const Case&)>& expected) {
    for (const CUstreamCaptureMode capture : kModes) {
      for (const bool other_thread : {false, true}) {
        for (const CUstreamCaptureMode thread : kModes) {
          const Case of{capture, other_thread, thread};
          SCOPED_TRACE(testing::Message()
                       << "capture " << capture << " other thread " << other_thread << " thread " << thread);
          bool survived = false;
          EXPECT_STREQ(name_of(result_of(of, stream, call, &survived)), name_of(expected(of)));
          EXPECT_EQ(survived, expected(of) == CUDA_SUCCESS);
        }
      }
    }
  }

  static CUresult of_unsafe_call(const Case& of) {
    return kRefused[of.capture][of.other_thread][of.thread] ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
  }

  CUstream stream_ = nullptr, blocking_ = nullptr, other_ = nullptr;
  CUevent event_ = nullptr;
};

TEST_F(Captures, ForbidUnsafeCallsAsTheModesSay) {
  CUdeviceptr address = 0;
  void* pinned = nullptr;
  const Call unsafe[] = {[&] { return cuMemAlloc(&address, 100); },
                         [&] { return cuMemFree(0); },
                         [&] { return cuMemHostAlloc(&pinned, 100, 0); },
                         [&] { return cuMemFreeHost(nullptr); },
                         [&] { return cuEventQuery(event_); },
                         [&] { return cuEventSynchronize(event_); }};
  for (const Call& call : unsafe) expect_in_all(stream_, call, of_unsafe_call);
}

TEST_F(Captures, ForbidAWholeContextInAnyMode) {
  CUevent of_context = nullptr;
  EXPECT_OK(cuEventCreate(&of_context, 0));
  const Call whole[] = {[] { return cuCtxSynchronize(); }, [&] { return cuCtxRecordEvent(context_, of_context); },
                        [&] { return cuCtxWaitEvent(context_, event_); }};
  for (const Call& call : whole) {
    expect_in_all(stream_, call, [](const Case&) { return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED; });
  }
}

TEST_F(Captures, LeaveOtherStreamsAndOtherContextsAlone) {
  CUcontext second = nullptr;
  CUevent of_second = nullptr;
  EXPECT_OK(cuCtxCreate_v4(&second, nullptr, 0, 0));
  EXPECT_OK(cuEventCreate(&of_second, 0));
  EXPECT_OK(cuCtxSetCurrent(context_));
  const Call calls[] = {[&] { return cuStreamSynchronize(other_); }, [&] { return cuStreamSynchronize(nullptr); },
                        [&] { return cuCtxSynchronize_v2(second); },
                        [&] { return cuCtxRecordEvent(second, of_second); }};
  for (const Call& call : calls) expect_in_all(stream_, call, [](const Case&) { return CUDA_SUCCESS; });
  EXPECT_OK(cuCtxDestroy(second));
}

TEST_F(Captures, OfABlockingStreamForbidTheLegacyOne) {
  const Call calls[] = {[] { return cuStreamSynchronize(nullptr); }, [] { return cuStreamQuery(nullptr); },
                        [&] { return cuEventRecord(event_, nullptr); },
                        [&] { return cuStreamWaitEvent(nullptr, event_, 0); }};
  for (const Call& call : calls) {
    expect_in_all(blocking_, call, [](const Case&) { return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT; });
  }
}

TEST_F(Captures, HaveEventsOfTheirOwn) {
  bool survived = true;
  const Call query = [&] {
    EXPECT_OK(cuEventRecord(event_, stream_));
    return cuEventQuery(event_);
  };
  const Case relaxed{CU_STREAM_CAPTURE_MODE_RELAXED, false, CU_STREAM_CAPTURE_MODE_RELAXED};
  EXPECT_ERROR(result_of(relaxed, stream_, query, &survived), CUDA_ERROR_CAPTURED_EVENT);
  EXPECT_FALSE(survived);
}

TEST_F(Captures, EndOnlyWhereTheyBegan) {
  CUgraph graph = nullptr;
  EXPECT_OK(cuStreamBeginCapture(stream_, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT_OK(cuEventRecord(event_, stream_));
  EXPECT_OK(cuStreamWaitEvent(other_, event_, 0));
  EXPECT_ERROR(cuStreamEndCapture(other_, &graph), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  EXPECT_OK(cuStreamEndCapture(stream_, &graph));
  EXPECT_OK(cuGraphDestroy(graph));
}

TEST_F(Captures, EndWithTheStreamThatTheyBeganIn) {
  CUdeviceptr address = 0;
  EXPECT_OK(cuStreamBeginCapture(stream_, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT_OK(cuEventRecord(event_, stream_));
  EXPECT_OK(cuStreamWaitEvent(other_, event_, 0));
  EXPECT_OK(cuStreamDestroy(stream_));
  EXPECT_OK(cuMemAlloc(&address, 100));
  EXPECT_OK(cuStreamSynchronize(other_));
  EXPECT_OK(cuMemFree(address));
}

TEST_F(Captures, GoOnWithoutAStreamThatHadJoined) {
  CUgraph graph = nullptr;
  EXPECT_OK(cuStreamBeginCapture(stream_, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT_OK(cuEventRecord(event_, stream_));
  EXPECT_OK(cuStreamWaitEvent(other_, event_, 0));
  EXPECT_OK(cuStreamDestroy(other_));
  EXPECT_OK(cuStreamEndCapture(stream_, &graph));
  EXPECT_OK(cuGraphDestroy(graph));
}

TEST_F(Captures, EndWithTheirContext) {
  CUcontext second = nullptr;
  CUstream of_second = nullptr;
  CUdeviceptr address = 0;
  EXPECT_OK(cuCtxCreate_v4(&second, nullptr, 0, 0));
  EXPECT_OK(cuStreamCreate(&of_second, CU_STREAM_NON_BLOCKING));
  EXPECT_OK(cuStreamBeginCapture(of_second, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT_OK(cuCtxDestroy(second));
  EXPECT_OK(cuCtxSetCurrent(context_));
  EXPECT_OK(cuMemAlloc(&address, 100));
  EXPECT_OK(cuMemFree(address));
}

}  // namespace
}  // namespace simcuda

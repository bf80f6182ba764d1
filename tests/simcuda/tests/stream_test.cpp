#include <atomic>
#include <chrono>
#include <thread>

#include "driver_test.h"

namespace simcuda {
namespace {

using std::chrono::milliseconds;

// A gate in a stream: what is behind it waits until it is opened. The stream must have passed it before it goes out of scope.
class Gate {
 public:
  void close(CUstream stream) { EXPECT_OK(cuLaunchHostFunc(stream, wait, this)); }
  void open() { opened_ = true; }

 private:
  static void wait(void* self) {
    while (!static_cast<Gate*>(self)->opened_) std::this_thread::sleep_for(milliseconds(1));
  }
  std::atomic<bool> opened_{false};
};

class Streams : public DriverTest {
 protected:
  void SetUp() override {
    DriverTest::SetUp();
    EXPECT_OK(cuStreamCreate(&one_, CU_STREAM_NON_BLOCKING));
    EXPECT_OK(cuStreamCreate(&two_, CU_STREAM_NON_BLOCKING));
    EXPECT_OK(cuEventCreate(&event_, 0));
  }
  CUstream one_ = nullptr, two_ = nullptr;
  CUevent event_ = nullptr;
};

void count(void* counter) { ++*static_cast<std::atomic<int>*>(counter); }

TEST_F(Streams, RunBesideTheProgramAndInOrder) {
  Gate gate;
  std::atomic<int> counter{0};
  gate.close(one_);
  EXPECT_OK(cuLaunchHostFunc(one_, count, &counter));
  EXPECT_OK(cuLaunchHostFunc(two_, count, &counter));
  EXPECT_OK(cuStreamSynchronize(two_));
  EXPECT_EQ(counter, 1);
  EXPECT_ERROR(cuStreamQuery(one_), CUDA_ERROR_NOT_READY);
  gate.open();
  EXPECT_OK(cuStreamSynchronize(one_));
  EXPECT_EQ(counter, 2);
  EXPECT_OK(cuStreamQuery(one_));
}

TEST_F(Streams, WaitForEvents) {
  Gate gate;
  std::atomic<int> counter{0};
  gate.close(one_);
  EXPECT_OK(cuEventRecord(event_, one_));
  EXPECT_ERROR(cuEventQuery(event_), CUDA_ERROR_NOT_READY);
  EXPECT_OK(cuStreamWaitEvent(two_, event_, 0));
  EXPECT_OK(cuLaunchHostFunc(two_, count, &counter));
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(counter, 0);
  gate.open();
  EXPECT_OK(cuStreamSynchronize(two_));
  EXPECT_EQ(counter, 1);
  EXPECT_OK(cuEventQuery(event_));
}

TEST_F(Streams, TheLegacyStreamWaitsForBlockingOnesOnly) {
  CUstream blocking = nullptr;
  EXPECT_OK(cuStreamCreate(&blocking, CU_STREAM_DEFAULT));
  Gate gate, other_gate;
  std::atomic<int> counter{0};
  gate.close(blocking);
  other_gate.close(one_);
  EXPECT_OK(cuLaunchHostFunc(nullptr, count, &counter));
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(counter, 0);
  gate.open();
  EXPECT_OK(cuStreamSynchronize(nullptr));
  EXPECT_EQ(counter, 1);
  other_gate.open();
  EXPECT_OK(cuStreamSynchronize(one_));
}

TEST_F(Streams, OneEventCoversAllOfAContext) {
  Gate gate;
  gate.close(two_);
  EXPECT_OK(cuCtxRecordEvent(context_, event_));
  EXPECT_ERROR(cuEventQuery(event_), CUDA_ERROR_NOT_READY);
  gate.open();
  EXPECT_OK(cuEventSynchronize(event_));
}

TEST_F(Streams, FreeingWaitsForWhatIsQueued) {
  CUdeviceptr address = 0;
  EXPECT_OK(cuMemAlloc(&address, 100));
  Gate gate;
  gate.close(one_);
  EXPECT_OK(cuMemsetD8Async(address, 1, 100, one_));
  std::thread opener([&] {
    std::this_thread::sleep_for(milliseconds(20));
    gate.open();
  });
  EXPECT_OK(cuMemFree(address));
  opener.join();
  EXPECT_OK(cuCtxSynchronize());
}

TEST_F(Streams, FreeingWaitsForPeersAndPinnedMemoryForAll) {
  CUdeviceptr address = 0;
  void* pinned = nullptr;
  EXPECT_OK(cuMemAlloc(&address, 100));
  EXPECT_OK(cuMemHostAlloc(&pinned, 100, 0));
  CUcontext second = nullptr;
  EXPECT_OK(cuCtxCreate_v4(&second, nullptr, 0, 1));
  EXPECT_OK(cuCtxEnablePeerAccess(context_, 0));
  CUstream stream = nullptr;
  EXPECT_OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  EXPECT_OK(cuCtxSetCurrent(context_));
  for (const bool is_pinned : {false, true}) {
    Gate gate;
    std::atomic<int> counter{0};
    gate.close(stream);
    EXPECT_OK(cuLaunchHostFunc(stream, count, &counter));
    std::thread opener([&] {
      std::this_thread::sleep_for(milliseconds(20));
      gate.open();
    });
    EXPECT_OK(is_pinned ? cuMemFreeHost(pinned) : cuMemFree(address));
    EXPECT_EQ(counter, 1);
    opener.join();
  }
  EXPECT_OK(cuCtxDestroy(second));
}

TEST_F(Streams, UseAfterFreeIsAnErrorThatStays) {
  CUdeviceptr address = 0;
  EXPECT_OK(cuMemAllocAsync(&address, 100, one_));
  EXPECT_OK(cuMemFreeAsync(address, one_));
  EXPECT_OK(cuMemsetD8Async(address, 1, 100, one_));
  EXPECT_ERROR(cuStreamSynchronize(one_), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_ERROR(cuMemAlloc(&address, 100), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(Streams, AFreeThatWaitedForWorkThatFailedSaysSoAndFreesNothing) {
  CUdeviceptr address = 0, gone = 0;
  void* pinned = nullptr;
  EXPECT_OK(cuMemAlloc(&address, 100));
  EXPECT_OK(cuMemAlloc(&gone, 100));
  EXPECT_OK(cuMemHostAlloc(&pinned, 100, 0));
  EXPECT_OK(cuMemFree(gone));
  Gate gate;
  gate.close(one_);
  EXPECT_OK(cuMemsetD8Async(gone, 1, 100, one_));
  std::thread opener([&] {
    std::this_thread::sleep_for(milliseconds(20));
    gate.open();
  });
  EXPECT_ERROR(cuMemFree(address), CUDA_ERROR_ILLEGAL_ADDRESS);
  opener.join();
  EXPECT_ERROR(cuMemFreeHost(pinned), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_ERROR(cuMemHostAlloc(&pinned, 100, 0), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_ERROR(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_ERROR(cuStreamQuery(one_), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_ERROR(cuEventQuery(event_), CUDA_ERROR_ILLEGAL_ADDRESS);
  CUdeviceptr base = 0;
  EXPECT_OK(cuPointerGetAttribute(&base, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, address));
  EXPECT_EQ(base, address);
}

TEST_F(Streams, StreamOrderedMemoryIsFreedInItsStream) {
  const size_t before = free_bytes();
  CUdeviceptr address = 0;
  EXPECT_OK(cuMemAllocAsync(&address, 4096, one_));
  Gate gate;
  gate.close(one_);
  EXPECT_OK(cuMemFreeAsync(address, one_));
  EXPECT_ERROR(cuMemFreeAsync(address, one_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(free_bytes(), before - 4096);
  gate.open();
  EXPECT_OK(cuStreamSynchronize(one_));
  EXPECT_EQ(free_bytes(), before);
}

TEST_F(Streams, CapturesMakeGraphsAndForbidWhatIsUnsafe) {
  CUgraph graph = nullptr;
  CUdeviceptr address = 0;
  std::atomic<int> counter{0};
  EXPECT_OK(cuStreamBeginCapture(one_, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT_OK(cuLaunchHostFunc(one_, count, &counter));
  EXPECT_OK(cuStreamEndCapture(one_, &graph));
  EXPECT_EQ(counter, 0);
  CUgraphExec executable = nullptr;
  EXPECT_OK(cuGraphInstantiate(&executable, graph, 0));
  EXPECT_OK(cuGraphLaunch(executable, one_));
  EXPECT_OK(cuGraphLaunch(executable, one_));
  EXPECT_OK(cuStreamSynchronize(one_));
  EXPECT_EQ(counter, 2);

  EXPECT_OK(cuStreamBeginCapture(one_, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT_ERROR(cuMemAlloc(&address, 100), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  EXPECT_ERROR(cuStreamEndCapture(one_, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);

  EXPECT_OK(cuStreamBeginCapture(one_, CU_STREAM_CAPTURE_MODE_RELAXED));
  EXPECT_OK(cuMemAlloc(&address, 100));
  EXPECT_OK(cuStreamEndCapture(one_, &graph));
  EXPECT_OK(cuMemFree(address));
}

TEST_F(Streams, CapturedAllocationsAreTheGraphs) {
  CUgraph graph = nullptr;
  CUdeviceptr address = 0;
  EXPECT_OK(cuStreamBeginCapture(one_, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT_OK(cuMemAllocAsync(&address, 8192, one_));
  EXPECT_OK(cuMemsetD8Async(address, 3, 8192, one_));
  EXPECT_OK(cuMemFreeAsync(address, one_));
  EXPECT_OK(cuStreamEndCapture(one_, &graph));
  CUgraphExec executable = nullptr;
  EXPECT_OK(cuGraphInstantiate(&executable, graph, 0));
  for (int i = 0; i < 3; ++i) EXPECT_OK(cuGraphLaunch(executable, one_));
  EXPECT_OK(cuStreamSynchronize(one_));
  EXPECT_OK(cuGraphExecDestroy(executable));
  EXPECT_OK(cuGraphDestroy(graph));
}

}  // namespace
}  // namespace simcuda

// What a call gives while a stream is capturing, and whether the capture survives it: by the capture's mode, the thread
// that calls and its own mode.
#include <functional>
#include <thread>

#include "driver.h"

namespace {

struct Mode {
  const char* name;
  CUstreamCaptureMode mode;
};
constexpr Mode kModes[] = {{"global", CU_STREAM_CAPTURE_MODE_GLOBAL},
                           {"thread-local", CU_STREAM_CAPTURE_MODE_THREAD_LOCAL},
                           {"relaxed", CU_STREAM_CAPTURE_MODE_RELAXED}};

// What the calls work on, made before the capture. None of it is of the capturing stream.
struct Prepared {
  CUcontext context = nullptr;
  CUstream other = nullptr;
  CUevent event = nullptr;
  CUdeviceptr block = 0;
};

struct Call {
  const char* name;
  std::function<CUresult(Prepared&)> make;
};

CUresult allocate(Prepared&) {
  CUdeviceptr made = 0;
  return cuMemAlloc(&made, 4096);
}
CUresult release(Prepared& prepared) {
  const CUresult result = cuMemFree(prepared.block);
  if (result == CUDA_SUCCESS) prepared.block = 0;
  return result;
}
CUresult allocate_pinned(Prepared&) {
  void* made = nullptr;
  return cuMemHostAlloc(&made, 4096, 0);
}
CUresult allocate_async(Prepared& prepared) {
  CUdeviceptr made = 0;
  return cuMemAllocAsync(&made, 4096, prepared.other);
}
CUresult memory_info(Prepared&) {
  size_t free_bytes = 0, total_bytes = 0;
  return cuMemGetInfo(&free_bytes, &total_bytes);
}

const std::vector<Call>& calls() {
  static const std::vector<Call> all = {
      {"cuMemAlloc", allocate},
      {"cuMemFree", release},
      {"cuMemHostAlloc", allocate_pinned},
      {"cuMemAllocAsync", allocate_async},
      {"cuCtxSynchronize", [](Prepared&) { return cuCtxSynchronize(); }},
      {"cuStreamSynchronize", [](Prepared& prepared) { return cuStreamSynchronize(prepared.other); }},
      {"cuEventRecord", [](Prepared& prepared) { return cuEventRecord(prepared.event, prepared.other); }},
      {"cuCtxRecordEvent", [](Prepared& prepared) { return cuCtxRecordEvent(prepared.context, prepared.event); }},
      {"cuEventQuery", [](Prepared& prepared) { return cuEventQuery(prepared.event); }},
      {"cuStreamQuery", [](Prepared& prepared) { return cuStreamQuery(prepared.other); }},
      {"cuMemGetInfo", memory_info}};
  return all;
}

Prepared prepare() {
  Prepared made;
  CHECK(cuCtxGetCurrent(&made.context));
  CHECK(cuStreamCreate(&made.other, CU_STREAM_NON_BLOCKING));
  CHECK(cuEventCreate(&made.event, CU_EVENT_DISABLE_TIMING));
  CHECK(cuEventRecord(made.event, made.other));
  CHECK(cuMemAlloc(&made.block, 4096));
  CHECK(cuCtxSynchronize());
  return made;
}

void clean_up(Prepared& prepared) {
  if (prepared.block != 0) CHECK(cuMemFree(prepared.block));
  CHECK(cuEventDestroy(prepared.event));
  CHECK(cuStreamDestroy(prepared.other));
}

CUresult make(const Call& call, Prepared& prepared, bool relaxed) {
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  if (relaxed) CHECK(cuThreadExchangeStreamCaptureMode(&mode));
  const CUresult result = call.make(prepared);
  if (relaxed) CHECK(cuThreadExchangeStreamCaptureMode(&mode));
  return result;
}

CUresult make_in_other_thread(const Call& call, Prepared& prepared, bool relaxed) {
  CUresult result = CUDA_SUCCESS;
  std::thread([&] {
    CHECK(cuCtxSetCurrent(prepared.context));
    result = make(call, prepared, relaxed);
  }).join();
  return result;
}

std::string cell(const Mode& mode, bool other_thread, bool relaxed, const Call& call) {
  Prepared prepared = prepare();
  CUstream capturing = nullptr;
  CUgraph graph = nullptr;
  CHECK(cuStreamCreate(&capturing, CU_STREAM_NON_BLOCKING));
  CHECK(cuStreamBeginCapture(capturing, mode.mode));
  const CUresult result = other_thread ? make_in_other_thread(call, prepared, relaxed) : make(call, prepared, relaxed);
  const CUresult end = cuStreamEndCapture(capturing, &graph);
  if (graph != nullptr) CHECK(cuGraphDestroy(graph));
  CHECK(cuStreamDestroy(capturing));
  clean_up(prepared);
  return text(R"({"mode": "%s", "thread": "%s%s", "call": "%s", "result": "%s", "capture": "%s"})", mode.name,
              other_thread ? "other" : "same", relaxed ? ", relaxed" : "", call.name, name_of(result).c_str(),
              name_of(end).c_str());
}

}  // namespace

int main() {
  start();
  Rows rows;
  for (const Mode& mode : kModes) {
    for (const bool other_thread : {false, true}) {
      for (const bool relaxed : {false, true}) {
        for (const Call& call : calls()) rows.add(cell(mode, other_thread, relaxed, call));
      }
    }
  }
}

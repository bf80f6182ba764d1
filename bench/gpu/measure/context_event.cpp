// What recording and asking an event of the whole context costs, by the number of its streams, and whether the event holds
// up what is queued after it.
#include "driver.h"

namespace {

constexpr int kTimes = 100;
constexpr uint64_t kShortNs = 20000, kLongNs = 5000000;

class Streams {
 public:
  explicit Streams(int count) : streams_(static_cast<size_t>(count)) {
    for (CUstream& stream : streams_) CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  }
  ~Streams() {
    for (const CUstream stream : streams_) CHECK(cuStreamDestroy(stream));
  }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  void keep_busy(const Delay& delay) const {
    for (const CUstream stream : streams_) delay.launch(stream, kShortNs);
  }
  CUstream at(size_t index) const { return streams_[index]; }

 private:
  std::vector<CUstream> streams_;
};

struct Event {
  CUcontext context = nullptr;
  CUevent event = nullptr;
  Event() {
    CHECK(cuCtxGetCurrent(&context));
    CHECK(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  }
  void record() const { CHECK(cuCtxRecordEvent(context, event)); }
};

std::string cost(const Event& event, const Streams& streams, int count, const Delay* delay) {
  std::vector<double> records, queries, waits;
  for (int i = 0; i < (delay != nullptr ? kTimes / 5 : kTimes); ++i) {
    if (delay != nullptr) streams.keep_busy(*delay);
    const double start = now_ns();
    records.push_back(timed_ns([&] { event.record(); }));
    queries.push_back(timed_ns([&] { cuEventQuery(event.event); }));
    while (cuEventQuery(event.event) == CUDA_ERROR_NOT_READY) {
    }
    waits.push_back(now_ns() - start);
  }
  return text(R"({"streams": %d, "busy": %s, "record_ns": %.0f, "query_ns": %.0f, "until_done_ns": %.0f})", count,
              delay != nullptr ? "true" : "false", median(records), median(queries), median(waits));
}

// How long a short kernel of one stream takes to end while a long one runs in another.
double short_kernel_ns(const Streams& streams, const Delay& delay, const Event* event) {
  delay.launch(streams.at(0), kLongNs);
  const double start = now_ns();
  if (event != nullptr) event->record();
  delay.launch(streams.at(1), kShortNs);
  CHECK(cuStreamSynchronize(streams.at(1)));
  const double took = now_ns() - start;
  CHECK(cuCtxSynchronize());
  return took;
}

std::string serialisation(const Event& event, const Delay& delay) {
  const Streams streams(2);
  std::vector<double> with, without;
  for (int i = 0; i < 10; ++i) {
    without.push_back(short_kernel_ns(streams, delay, nullptr));
    with.push_back(short_kernel_ns(streams, delay, &event));
  }
  return text(R"({"long_kernel_ns": %llu, "short_kernel_ns": %.0f, "short_kernel_after_event_ns": %.0f})",
              static_cast<unsigned long long>(kLongNs), median(without), median(with));
}

}  // namespace

int main() {
  start();
  const Delay delay;
  const Event event;
  Rows rows;
  for (const int count : {1, 8, 64, 512}) {
    const Streams streams(count);
    rows.add(cost(event, streams, count, nullptr));
    rows.add(cost(event, streams, count, &delay));
  }
  rows.add(serialisation(event, delay));
}

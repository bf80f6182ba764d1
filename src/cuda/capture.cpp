#include "cuda/capture.h"

#include <sys/syscall.h>

#include <atomic>

#include "core/clock.h"
#include "core/confinement.h"
#include "core/system_call.h"
#include "cuda/driver.h"
#include "cuda/graphs.h"
#include "cuda/tracking.h"

namespace weir::cuda {
namespace {

std::atomic<int> running_captures{0};
std::atomic<int> own_calls{0};  // of Weir's that no capture may meet

void wait_for_own_calls() {
  constexpr uint64_t kLongestNs = 500'000'000;
  uint64_t end = 0;
  while (own_calls.load(std::memory_order_seq_cst) != 0) {  // guard: capture-lock
    const uint64_t now = core::read_clock_pair().ns;
    if (end == 0) end = now + kLongestNs;
    if (now > end) return;
    if (!core::system_calls_restricted()) core::system_call(SYS_sched_yield);
  }
}

struct Capture {
  bool is_running = false;
  uint64_t graph = 0;
  uint64_t last_node = 0;  // that the stream's next work depends on
};

Capture ask(const Call& call, Stream stream) {
  const DriverQueries& driver = driver_queries();
  const uint64_t number = call.number_of(stream);
  Graph graph = nullptr;
  const GraphNode* last = nullptr;
  const void* edges = nullptr;
  size_t count = 0;
  uint64_t id = 0;
  int status = kCaptureNone;
  if (number == kLegacyStream) return {};  // cannot be captured
  const auto handle = reinterpret_cast<Stream>(number);
  Result result = Result::not_found;
  if (driver.get_capture_with_edges != nullptr) {
    result = driver.get_capture_with_edges(handle, &status, &id, &graph, &last, &edges, &count);
  } else if (driver.get_capture != nullptr) {
    result = driver.get_capture(handle, &status, &id, &graph, &last, &count);
  }
  if (result != Result::success || status == kCaptureNone) return {};
  if (status != kCaptureActive) return {true, 0, 0};
  return {true, reinterpret_cast<uint64_t>(graph), count == 0 ? 0 : reinterpret_cast<uint64_t>(last[0])};
}

}  // namespace

void note_capture_begun() {
  running_captures.fetch_add(1, std::memory_order_seq_cst);
  wait_for_own_calls();
}

bool any_capture() { return running_captures.load(std::memory_order_relaxed) != 0; }

// The count is raised before captures are looked for, and a capture is counted before own calls are looked for: one sees the other.
OutsideCaptures::OutsideCaptures() {
  own_calls.fetch_add(1, std::memory_order_seq_cst);
  is_outside_ = running_captures.load(std::memory_order_seq_cst) == 0;
}

CaptureRelaxed::CaptureRelaxed(When when)
    : exchange_(when == When::always || any_capture() ? driver_queries().exchange_capture_mode : nullptr) {
  if (exchange_ != nullptr && exchange_(&mode_) != Result::success) exchange_ = nullptr;
}

CaptureRelaxed::~CaptureRelaxed() {
  if (exchange_ != nullptr) exchange_(&mode_);
}

OutsideCaptures::~OutsideCaptures() { own_calls.fetch_sub(1, std::memory_order_release); }

void note_capture_ended() {
  int running = running_captures.load(std::memory_order_relaxed);
  while (running > 0 && !running_captures.compare_exchange_weak(running, running - 1, std::memory_order_relaxed)) {
  }
}

bool is_capturing(const Call& call, Stream stream) { return ask(call, stream).is_running; }

uint64_t graph_captured_by(const Call& call, Stream stream) {
  return running_captures.load(std::memory_order_relaxed) == 0 ? 0 : ask(call, stream).graph;
}

void note_captured_alloc(const Call& call, Stream stream, uint64_t graph, Address address, size_t bytes) {
  const int device = device_of_pointer(address, kNoDevice);  // the pool's, which need not be the current one
  note_alloc_node(call, graph, ask(call, stream).last_node, address, bytes, device);
}

void note_captured_free(const Call& call, Stream stream, uint64_t graph, Address address) {
  const uint64_t node = ask(call, stream).last_node;
  const core::Guard guard;
  add_free_node(graph, node, address);
}

void note_alloc_node(const Call& call, uint64_t graph, uint64_t node, Address address, size_t bytes, int device) {
  Allocation allocation;
  allocation.kind = Kind::graph_node;
  allocation.space = Space::node_handle;
  allocation.key = node;
  allocation.bytes = bytes;
  allocation.owner = graph;
  allocation.device = static_cast<int16_t>(device);
  const Place place = current_place();
  allocation.context = place.context;
  if (device == kNoDevice) allocation.device = static_cast<int16_t>(place.device);
  note_allocated(call, allocation, place);
  const core::Guard guard;
  add_alloc_node(allocation, address);
}

void capture_reset_after_fork() {
  running_captures.store(0, std::memory_order_relaxed);
  own_calls.store(0, std::memory_order_relaxed);
}

}  // namespace weir::cuda

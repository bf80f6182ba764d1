#include "cuda/capture.h"

#include "cuda/driver.h"
#include "cuda/graphs.h"
#include "cuda/tracking.h"

namespace weir::cuda {
namespace {

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

CaptureRelaxed::CaptureRelaxed(When when)
    : exchange_(when == When::always || any_capture() ? driver_queries().exchange_capture_mode : nullptr) {
  if (exchange_ != nullptr && exchange_(&mode_) != Result::success) exchange_ = nullptr;
}

CaptureRelaxed::~CaptureRelaxed() {
  if (exchange_ != nullptr) exchange_(&mode_);
}

bool is_capturing(const Call& call, Stream stream) { return ask(call, stream).is_running; }

uint64_t graph_captured_by(const Call& call, Stream stream) { return any_capture() ? ask(call, stream).graph : 0; }

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

}  // namespace weir::cuda

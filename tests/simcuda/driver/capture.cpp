// Stream capture: what a stream would run becomes nodes of a graph, and what is unsafe meanwhile is refused.
#include "graph.h"

namespace simcuda {
namespace {

// Captures in progress.
std::vector<std::shared_ptr<Capture>>& captures() {
  static auto* const all = new std::vector<std::shared_ptr<Capture>>;
  return *all;
}

thread_local CUstreamCaptureMode thread_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

bool forbids(const Capture& capture) {
  const bool is_own = capture.thread == std::this_thread::get_id();
  if (thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED) return false;
  if (is_own) return capture.mode != CU_STREAM_CAPTURE_MODE_RELAXED;
  return thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL && capture.mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
}

// False where the stream does not capture.
bool invalidate(Stream& stream) {
  if (stream.capture == nullptr) return false;
  stream.capture->valid = false;
  return true;
}

}  // namespace

Node* capture_node(Stream& stream, CUgraphNodeType type, Task task) {
  if (stream.capture == nullptr) return nullptr;
  require(stream.capture->valid, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  std::vector<CUgraphNode>& dependencies = stream.capture_dependencies;
  Node& node = stream.capture->graph->add(type, dependencies.data(), dependencies.size(), std::move(task));
  dependencies = {handle_of(&node)};
  return &node;
}

void forbid_implicit(Stream& stream) {
  if (stream.kind != StreamKind::legacy_default) return;
  bool captures = false;
  for (const auto& [handle, other] : stream.context.streams) {
    if (other->is_blocking()) captures |= invalidate(*other);
  }
  require(!captures, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
}

void submit(Lock& lock, Stream& stream, CUgraphNodeType type, Task task) {
  forbid_implicit(stream);
  if (stream.capture != nullptr) {
    capture_node(stream, type, std::move(task));
  } else {
    stream.enqueue(lock, std::move(task));
  }
}

void forbid_while_capturing() {
  bool forbidden = false;
  for (const auto& capture : captures()) {
    if (!forbids(*capture)) continue;
    capture->valid = false;
    forbidden = true;
  }
  require(!forbidden, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

void forbid_on_capturing(Stream& stream) {
  require(!invalidate(stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  forbid_implicit(stream);
}

void forbid_on_capturing(Context& context) {
  bool captures = false;
  for (const Context* of : with_green_contexts(context)) {
    for (const auto& [handle, stream] : of->streams) captures |= invalidate(*stream);
  }
  require(!captures, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

namespace {

void take_out(const std::shared_ptr<Capture>& capture) {
  std::erase(captures(), capture);
  for (Context* context : all_contexts()) {
    for (const auto& [handle, stream] : context->streams) {
      if (stream->capture == capture) stream->capture = nullptr;
    }
  }
}

}  // namespace

// The header says only that a stream's resources are released when it is destroyed, and of no error for one that captures. A stream that
// had joined goes without a word: the capture is its origin's.
void abandon_capture(Lock&, const Stream& stream) {
  const std::shared_ptr<Capture> capture = stream.capture;
  if (capture != nullptr && capture->origin == stream.id) take_out(capture);
}

namespace {

std::shared_ptr<Capture> begin_capture(Stream& stream, CUstreamCaptureMode mode, std::shared_ptr<Graph> graph) {
  require(stream.kind != StreamKind::legacy_default, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  require(stream.capture == nullptr, CUDA_ERROR_ILLEGAL_STATE);
  static uint64_t last_id = 0;
  auto capture =
      std::make_shared<Capture>(Capture{std::move(graph), ++last_id, stream.id, mode, std::this_thread::get_id()});
  captures().push_back(capture);
  stream.capture = capture;
  stream.capture_dependencies.clear();
  return capture;
}

// What the thread may not do: end a capture of another thread's, unless it is relaxed, and any by another stream than it began in.
std::shared_ptr<Capture> end_capture(Stream& stream) {
  const std::shared_ptr<Capture> capture = stream.capture;
  require(capture != nullptr, CUDA_ERROR_ILLEGAL_STATE);
  require(capture->origin == stream.id, CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  require(capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED || capture->thread == std::this_thread::get_id(),
          CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
  take_out(capture);
  return capture;
}

CUresult stream_begin_capture(const char* name, CUstream stream, CUstreamCaptureMode mode, bool per_thread) {
  return run(name, [&](Lock&, Call& call) {
    Stream& of = stream_of(stream, per_thread);
    auto graph = std::make_shared<Graph>(of.context);
    call.number("stream", begin_capture(of, mode, graph)->id);
  });
}

CUresult stream_begin_capture_to_graph(const char* name, CUstream stream, CUgraph graph,
                                       const CUgraphNode* dependencies, size_t count, CUstreamCaptureMode mode,
                                       bool per_thread) {
  return run(name, [&](Lock&, Call& call) {
    Stream& of = stream_of(stream, per_thread);
    call.number("stream", begin_capture(of, mode, graph_of(graph).shared_from_this())->id);
    of.capture_dependencies.assign(dependencies, dependencies + count);
  });
}

CUresult stream_end_capture(const char* name, CUstream stream, CUgraph* graph, bool per_thread) {
  return run(name, [&](Lock&, Call& call) {
    require_argument(graph != nullptr);
    *graph = nullptr;
    const std::shared_ptr<Capture> capture = end_capture(stream_of(stream, per_thread));
    call.number("stream", capture->id);
    require(capture->valid, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    *graph = add_graph(capture->graph);
  });
}

CUstreamCaptureStatus status_of(const Stream& stream) {
  if (stream.capture == nullptr) return CU_STREAM_CAPTURE_STATUS_NONE;
  return stream.capture->valid ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_INVALIDATED;
}

CUresult stream_is_capturing(const char* name, CUstream stream, CUstreamCaptureStatus* status, bool per_thread) {
  return run(name, [&](Lock&, Call&) {
    require_argument(status != nullptr);
    *status = status_of(stream_of(stream, per_thread));
  });
}

CUresult stream_capture_info(const char* name, CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                             CUgraph* graph, const CUgraphNode** dependencies, const CUgraphEdgeData** edges,
                             size_t* count, bool per_thread) {
  return run(name, [&](Lock&, Call&) {
    require_argument(status != nullptr);
    Stream& of = stream_of(stream, per_thread);
    *status = status_of(of);
    if (edges != nullptr) *edges = nullptr;
    if (of.capture == nullptr) return;
    if (id != nullptr) *id = of.capture->id;
    if (graph != nullptr) *graph = reinterpret_cast<CUgraph>(of.capture->graph.get());
    if (dependencies != nullptr) *dependencies = of.capture_dependencies.data();
    if (count != nullptr) *count = of.capture_dependencies.size();
  });
}

}  // namespace

SIMCUDA_TWO_FORMS(cuStreamBeginCapture, _ptsz, (CUstream stream),
                  stream_begin_capture(name_of_call, stream, CU_STREAM_CAPTURE_MODE_GLOBAL, per_thread))
SIMCUDA_TWO_FORMS(cuStreamBeginCapture_v2, _ptsz, (CUstream stream, CUstreamCaptureMode mode),
                  stream_begin_capture(name_of_call, stream, mode, per_thread))
SIMCUDA_TWO_FORMS(cuStreamBeginCaptureToGraph, _ptsz,
                  (CUstream stream, CUgraph graph, const CUgraphNode* dependencies, const CUgraphEdgeData*,
                   size_t count, CUstreamCaptureMode mode),
                  stream_begin_capture_to_graph(name_of_call, stream, graph, dependencies, count, mode, per_thread))
SIMCUDA_TWO_FORMS(cuStreamEndCapture, _ptsz, (CUstream stream, CUgraph* graph),
                  stream_end_capture(name_of_call, stream, graph, per_thread))
SIMCUDA_TWO_FORMS(cuStreamIsCapturing, _ptsz, (CUstream stream, CUstreamCaptureStatus* status),
                  stream_is_capturing(name_of_call, stream, status, per_thread))
SIMCUDA_TWO_FORMS(cuStreamGetCaptureInfo_v2, _ptsz,
                  (CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                   const CUgraphNode** dependencies, size_t* count),
                  stream_capture_info(name_of_call, stream, status, id, graph, dependencies, nullptr, count,
                                      per_thread))
SIMCUDA_TWO_FORMS(cuStreamGetCaptureInfo_v3, _ptsz,
                  (CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                   const CUgraphNode** dependencies, const CUgraphEdgeData** edges, size_t* count),
                  stream_capture_info(name_of_call, stream, status, id, graph, dependencies, edges, count, per_thread))
SIMCUDA_EXPORT CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  return run("cuThreadExchangeStreamCaptureMode", [&](Lock&, Call&) {
    require_argument(mode != nullptr);
    std::swap(*mode, thread_mode);
  });
}

}  // namespace simcuda

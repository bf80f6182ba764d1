// Streams that are being captured: what is asked of them becomes nodes of a graph instead of happening.
#pragma once

#include "cuda/running_captures.h"

namespace weir::cuda {

// Also where the capture has become invalid and is still to be ended.
bool is_capturing(const Call& call, Stream stream);

// While a capture runs, a call of Weir's own counts among those that it forbids; not within such a scope.
class CaptureRelaxed {
 public:
  enum class When : uint8_t {
    now,     // a capture runs at this moment: else no call is made
    always,  // one may begin meanwhile
  };
  explicit CaptureRelaxed(When when = When::now);
  ~CaptureRelaxed();
  CaptureRelaxed(const CaptureRelaxed&) = delete;
  CaptureRelaxed& operator=(const CaptureRelaxed&) = delete;

 private:
  Result (*exchange_)(int*);
  int mode_ = kCaptureModeRelaxed;
};

// The graph that the stream's work goes into; 0 where it is not being captured.
uint64_t graph_captured_by(const Call& call, Stream stream);

// What a capturing stream was asked for, once the driver has taken it.
void note_captured_alloc(const Call& call, Stream stream, uint64_t graph, Address address, size_t bytes);
void note_captured_free(const Call& call, Stream stream, uint64_t graph, Address address);

// An allocation node of a graph.
void note_alloc_node(const Call& call, uint64_t graph, uint64_t node, Address address, size_t bytes, int device);

}  // namespace weir::cuda

// Streams that are being captured: what is asked of them becomes nodes of a graph instead of happening.
#pragma once

#include "cuda/call.h"

namespace weir::cuda {

// A capture has begun or ended; while there is none, no stream is asked.
void note_capture_begun();
void note_capture_ended();

// Also where the capture has become invalid and is still to be ended.
bool is_capturing(const Call& call, Stream stream);

// The graph that the stream's work goes into; 0 where it is not being captured.
uint64_t graph_captured_by(const Call& call, Stream stream);

// What a capturing stream was asked for, once the driver has taken it.
void note_captured_alloc(const Call& call, Stream stream, uint64_t graph, Address address, size_t bytes);
void note_captured_free(const Call& call, Stream stream, uint64_t graph, Address address);

// An allocation node of a graph.
void note_alloc_node(const Call& call, uint64_t graph, uint64_t node, Address address, size_t bytes, int device);

void capture_reset_after_fork();

}  // namespace weir::cuda

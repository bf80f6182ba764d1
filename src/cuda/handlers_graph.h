// Handlers of graphs with memory nodes and of stream capture.
#pragma once

#include "cuda/graphs.h"
#include "cuda/handlers_memory.h"

namespace weir::cuda {

// A launch has been taken: what it leaves becomes live, what it takes is freed, if it is not newer than `serial`.
void note_launched(uint64_t exec, uint64_t stream, uint64_t serial);

// A graph is about to be made, or a capture to begin.
inline void note_graph_begun(const Call& call) {
  if (pool::host_pins_are_on) pool::stop_host_pins(call, "the program makes graphs");
}

// A graph is no more, and its nodes with it.
void note_graph_destroyed(uint64_t graph);

void note_free_node(uint64_t graph, uint64_t node, Address address);
void note_nodes_copied(uint64_t from, uint64_t to);
void note_instantiated(uint64_t graph, uint64_t exec);
void note_nodes_moved(uint64_t from, uint64_t to);

namespace handler {

struct AddAllocNode {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, GraphNode* out, Graph graph, const GraphNode*, size_t,
                    AllocNodeParameters* wish) {
    const Result result = invoke();
    if (result != Result::success) {
      note_refused(call, Kind::graph_node, wish == nullptr ? 0 : wish->bytes, result);
    } else if (wish != nullptr && out != nullptr) {
      note_alloc_node(call, number_of(graph), number_of(*out), wish->address, wish->bytes, wish->pool.location.id);
    }
    return result;
  }
};

struct AddFreeNode {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, GraphNode* out, Graph graph, const GraphNode*, size_t,
                    Address address) {
    const Result result = invoke();
    if (result == Result::success) note_free_node(number_of(graph), out == nullptr ? 0 : number_of(*out), address);
    return result;
  }
};

struct AddNode {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, GraphNode* out, Graph graph, const GraphNode*, size_t,
                    NodeParameters* wish) {
    const Result result = invoke();
    if (result == Result::success) {
      note_added(call, out, graph, wish);
    } else if (wish != nullptr && wish->type == kNodeMemAlloc) {
      note_refused(call, Kind::graph_node, wish->alloc.bytes, result);
    }
    return result;
  }
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, GraphNode* out, Graph graph, const GraphNode* after,
                    const void*, size_t count, NodeParameters* wish) {
    return run(call, invoke, out, graph, after, count, wish);
  }

 private:
  static void note_added(const Call& call, const GraphNode* out, Graph graph, const NodeParameters* wish) {
    if (out == nullptr || wish == nullptr) return;
    const uint64_t node = number_of(*out);
    if (wish->type == kNodeMemAlloc) {
      const AllocNodeParameters& alloc = wish->alloc;
      note_alloc_node(call, number_of(graph), node, alloc.address, alloc.bytes, alloc.pool.location.id);
    } else if (wish->type == kNodeMemFree) {
      note_free_node(number_of(graph), node, wish->free.address);
    } else if (wish->type == kNodeGraph) {
      const auto note = wish->child.ownership == kChildGraphMove ? &note_nodes_moved : &note_nodes_copied;
      note(number_of(wish->child.graph), number_of(graph));
    }
  }
};

struct AddChildGraph {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, GraphNode*, Graph graph, const GraphNode*, size_t, Graph child) {
    const Result result = invoke();
    if (result == Result::success) note_nodes_copied(number_of(child), number_of(graph));
    return result;
  }
};

struct CreateGraph {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Graph*, unsigned) {
    note_graph_begun(call);
    return invoke();
  }
};

struct CloneGraph {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Graph* out, Graph graph) {
    const Result result = invoke();
    if (result == Result::success && out != nullptr) note_nodes_copied(number_of(graph), number_of(*out));
    return result;
  }
};

struct DestroyNode {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, GraphNode node) {
    Release release(call, Space::node_handle, number_of(node), kAnyKind);
    const Result result = invoke();
    if (result == Result::success) {
      const core::Guard guard;
      forget_node(number_of(node));
    }
    return release.finish(result);
  }
};

struct DestroyGraph {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Graph graph) {
    const Result result = invoke();
    if (result == Result::success) note_graph_destroyed(number_of(graph));
    return result;
  }
};

struct InstantiateGraph {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke, class... Rest>
  static Result run(const Call&, const Invoke& invoke, GraphExec* out, Graph graph, Rest...) {
    const Result result = invoke();
    if (result == Result::success && out != nullptr) note_instantiated(number_of(graph), number_of(*out));
    return result;
  }
};

struct LaunchGraph {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, GraphExec exec, Stream stream) {
    const uint64_t serial = last_serial();
    const Result result = invoke();
    if (result == Result::success) note_launched(number_of(exec), call.number_of(stream), serial);
    return result;
  }
};

struct DestroyExec {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, GraphExec exec) {
    const Result result = invoke();
    const core::Guard guard;
    if (result == Result::success) forget_exec(number_of(exec));
    return result;
  }
};

struct BeginCapture {
  template <class Invoke, class... Rest>
  static Result run(const Call& call, const Invoke& invoke, Stream stream, Rest...) {
    note_graph_begun(call);  // guard: host-pin-graph
    const CaptureBeginning beginning(call, stream);
    const Result result = invoke();
    beginning.finish(result);
    return result;
  }
};

struct EndCapture {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Stream stream, Graph*) {
    const uint64_t last = last_capture();
    const bool was_capturing = is_capturing(call, stream);
    const Result result = invoke();
    // Not where another thread's was asked for.
    if (was_capturing && !is_capturing(call, stream)) note_capture_ended(call, stream, last);
    return result;
  }
};

struct DestroyStream {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Stream stream) {
    const uint64_t last = last_capture();
    const Result result = invoke();
    if (result == Result::success) note_captures_ended_with_stream(stream, last);  // guard: capture-stream
    return result;
  }
};

}  // namespace handler
}  // namespace weir::cuda

#include "cuda/handlers_graph.h"

namespace weir::cuda {
namespace {

struct Launch {
  const Call& call;
  Origin origin;
  uint64_t stream;
};

// Memory that a launch leaves; what an earlier launch left there has been freed by this one.
void leave(void* context, const Allocation& node, uint64_t address) {
  const auto& launch = *static_cast<Launch*>(context);
  Allocation earlier;
  if (detach_allocation(Space::address, address, bit_of(Kind::graph), &earlier)) count_freed(earlier);
  Allocation allocation = node;
  allocation.kind = Kind::graph;
  allocation.space = Space::address;
  allocation.key = address;
  allocation.owner = 0;
  allocation.stream = launch.stream;
  allocation.has_stream = true;
  insert_allocation(allocation);
}

void take(void*, uint64_t address) {
  Allocation freed;
  if (detach_allocation(Space::address, address, handler::kFreedByMemFreeAsync, &freed)) count_freed(freed);
}

}  // namespace

void note_launched(const Call& call, uint64_t exec, uint64_t stream) {
  const core::Guard guard;
  Launch launch{call, {}, stream};
  visit_launch(exec, {&leave, &take, &launch});
}

void note_graph_destroyed(uint64_t graph) {
  const core::Guard guard;
  forget_graph(graph);
  take_of_owner(Space::node_handle, graph);
}

void note_free_node(uint64_t graph, uint64_t node, Address address) {
  const core::Guard guard;
  add_free_node(graph, node, address);
}

void note_nodes_moved(uint64_t from, uint64_t to) {
  const core::Guard guard;
  move_nodes(from, to);
  give_to_owner(Space::node_handle, from, to);
}

void note_nodes_copied(uint64_t from, uint64_t to) {
  const core::Guard guard;
  copy_nodes(from, to);
}

}  // namespace weir::cuda

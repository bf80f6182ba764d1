#include "cuda/handlers_graph.h"

namespace weir::cuda {
namespace {

struct Launch {
  uint64_t stream;
  uint64_t serial;  // what is newer came after the launch began
};

void free_older(uint64_t address, uint32_t kinds, const Launch& launch) {
  Allocation freed;
  if (!detach_allocation(Space::address, address, kinds, &freed)) return;
  if (freed.serial <= launch.serial) {
    count_freed(freed);
  } else {
    restore_allocation(freed);
  }
}

// Memory that a launch leaves; what an earlier launch left there has been freed by this one.
void leave(void* context, const Allocation& node, uint64_t address) {
  const auto& launch = *static_cast<Launch*>(context);
  free_older(address, bit_of(Kind::graph), launch);
  Allocation allocation = node;
  allocation.kind = Kind::graph;
  allocation.space = Space::address;
  allocation.key = address;
  allocation.owner = 0;
  allocation.stream = launch.stream;
  allocation.has_stream = true;
  insert_allocation(allocation);
}

void take(void* context, uint64_t address) {
  free_older(address, handler::kFreedByMemFreeAsync, *static_cast<Launch*>(context));
}

}  // namespace

void note_launched(uint64_t exec, uint64_t stream, uint64_t serial) {
  const core::Guard guard;
  Launch launch{stream, serial};
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

void note_instantiated(uint64_t graph, uint64_t exec) {
  const core::Guard guard;
  instantiate_nodes(graph, exec);
}

}  // namespace weir::cuda

// What CUDA gives a program, by kind, and what is known of each piece.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ids.h"

namespace weir::cuda {

// Where and by whom a call was made.
struct Origin {
  core::StackId stack = core::StackId::unknown;
  core::ThreadId thread = core::ThreadId::unknown;
  uint64_t tick = 0;
};

enum class Kind : uint8_t {
  device,       // cuMemAlloc, cuMemAllocPitch
  managed,      // cuMemAllocManaged
  pinned,       // host memory that the driver gave
  registered,   // host memory of the program's own
  async,        // stream-ordered, from a pool
  graph,        // left by a launched graph's allocation node
  vmm,          // physical memory by handle
  array,        // arrays and mipmapped arrays
  ipc,          // another process's memory, opened here
  external,     // another interface's memory, imported
  mapping,      // physical memory mapped into a reserved range
  reservation,  // a reserved range of addresses
  view,         // a buffer or array inside external memory
  graph_node,   // an allocation node of a graph
  multicast,    // a multicast object
  pool,         // a memory pool of the program's own
  module,       // a module or library
  variable,     // a module's, whose address was asked for
};
inline constexpr size_t kKinds = static_cast<size_t>(Kind::variable) + 1;

struct KindTraits {
  const char* name;
  bool on_device;  // its bytes are device memory that nothing else counts
  bool is_leak;    // memory that a program should have given back
};
inline constexpr KindTraits kKindTraits[kKinds] = {
    {"device", true, true},   {"managed", false, true},     {"pinned", false, true},     {"registered", false, true},
    {"async", true, true},    {"graph", true, true},        {"vmm", true, true},         {"array", true, true},
    {"ipc", false, true},     {"external", false, true},    {"mapping", false, false},   {"reservation", false, false},
    {"view", false, false},   {"graph_node", false, false}, {"multicast", false, false}, {"pool", false, false},
    {"module", false, false}, {"variable", false, false},
};
inline constexpr const KindTraits& traits_of(Kind kind) { return kKindTraits[static_cast<size_t>(kind)]; }

// What a key is one of. Addresses of different spaces may be equal; within one they are not.
enum class Space : uint8_t {
  address,       // what a free takes
  registration,  // host addresses that were registered
  mapping,
  reservation,
  vmm_handle,
  array_handle,
  external_handle,
  pool_handle,
  module_handle,
  node_handle,
  variable,
};
inline constexpr size_t kSpaces = static_cast<size_t>(Space::variable) + 1;

inline constexpr int kNoDevice = -1;

struct Allocation {
  uint64_t key = 0;          // address or handle
  uint64_t bytes = 0;        // as asked
  uint64_t taken_bytes = 0;  // with what pitch and rounding add, as far as the driver tells
  uint64_t context = 0;      // 0: of none
  uint64_t stream = 0;       // where has_stream
  uint64_t owner = 0;        // the graph of a node, the module of a variable, the handle that is mapped
  Origin origin;
  const char* call = "";    // the name of the call that the program made
  uint64_t serial = 0;      // rising; given by the table
  uint32_t mappings = 0;    // of a VMM handle: physical memory lives as long as it is mapped, too
  uint32_t references = 1;  // of a VMM handle
  int16_t device = kNoDevice;
  Space space = Space::address;
  Kind kind = Kind::device;
  bool has_stream = false;
};

}  // namespace weir::cuda

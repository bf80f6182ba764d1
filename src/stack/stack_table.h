// Distinct stacks: a tree of (parent, frame) nodes, of which each takes less than 16 bytes with all that finds it, and dense
// ids for the stacks that were captured. Two stacks share an id only if every frame is equal: nodes are compared in full on
// insertion, never by hash alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ids.h"

namespace weir::stack {

struct StackFrame {
  uintptr_t ip;           // return address; the call is at ip - 1, except in the frame under a signal handler (exact)
  core::ModuleId module;  // none for code without a module (JIT)
  bool exact;
};

// Ids run from 1 to stack_count().
uint32_t stack_count();

// Fills at most `capacity` frames, innermost first, and returns the stack's depth. *truncated: the outer part is
// missing. Any thread, any time.
size_t frames_of(core::StackId stack, StackFrame* frames, size_t capacity, bool* truncated);

// tree_bytes: metadata held, used or not, of nodes, stack ids and all that finds them. An id of a stack whose innermost node
// lies further out in another one counts as a node.
struct StackTableFigures {
  uint32_t node_count, stack_count;
  size_t tree_bytes;
};
StackTableFigures stack_table_figures();

}  // namespace weir::stack

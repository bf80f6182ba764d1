// From walked frames to stacks: their nodes, and what the thread remembers of them. Inside src/stack only.
#pragma once

#include "stack/last_stack.h"

namespace weir::stack {

// Interns walked[0, count), outermost last, under `parent`, and returns the leaf's node. What is remembered stays.
NodeId intern_walked(ThreadStack&, uint32_t count, NodeId parent);

// Puts walked[0, count) on the `base` innermost remembered frames and returns the leaf's node, which is remembered with
// it; there must be room. `root` is the node of the root where base is 0.
NodeId intern_and_remember(ThreadStack&, uint32_t base, uint32_t count, NodeId root);

// The leaf's own part of what is remembered.
void remember_leaf(ThreadStack&, core::StackId stack);

}  // namespace weir::stack

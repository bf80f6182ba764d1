// From walked frames to stacks: their nodes, and what the thread remembers of them. Inside src/stack only.
#pragma once

#include "stack/last_stack.h"

namespace weir::stack {

// Interns walked[0, count), outermost last, under `parent`, and returns the leaf's node. What is remembered stays.
NodeId intern_walked(ThreadStack&, uint32_t count, NodeId parent);

// What follows remembers a stack and interns it, in this order, so that what a look-up of the first node reads comes from memory while
// the words to verify are packed.

// The walked frames on the `base` innermost remembered ones whose nodes the thread's own cache has, from the outermost in: how many of
// the `count` are left. `root` is the node of the root where base is 0. There must be room.
uint32_t intern_cached(ThreadStack&, uint32_t base, uint32_t count, NodeId root);

// Puts walked[0, count) on the `base` innermost remembered frames, but for their nodes.
void lay_out(ThreadStack&, uint32_t base, uint32_t count);

// The leaf's own part of what is remembered, but for the stack's id.
void remember_leaf(ThreadStack&);

// The nodes of the `count` innermost frames, and the leaf's.
NodeId intern_rest(ThreadStack&, uint32_t count);

}  // namespace weir::stack

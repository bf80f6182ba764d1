// When a code object is freed, its address may soon be another's: what was remembered by it is then void. Inside src/stack only.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::stack::python {

// Tells where the block of the program's heap begins that holds an address; 0 where none does that a hook would see freed. Any thread.
using BlockFinder = uintptr_t (*)(uintptr_t address);

// Rises whenever a watched code object is freed, before another block can have its memory.
extern std::atomic<uint32_t> code_generation;

// Whether the end of this code object will be seen: it never ends, as part of a module, or it is a block of its own, which is watched from
// now on. `code` must be alive.
bool watch_code(uintptr_t code, BlockFinder find_block);

// By the hooks, before the memory is given back. Cost: about 10 instructions.
void notice_freed_block(uintptr_t address);

void code_watch_reset_after_fork();

}  // namespace weir::stack::python

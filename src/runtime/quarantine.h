// WEIR_GUARD: freed blocks are kept back for a while, filled with a pattern, so that a second free is told for certain and a write to
// one is found when it leaves. First in, first out, bounded by bytes and by count.
//
// Any thread, inside the guard. Everything is passed by where WEIR_GUARD is off.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/guard.h"
#include "runtime/heap_faults.h"
#include "runtime/thread_state.h"
#include "track/heap_errors.h"
#include "track/record.h"

namespace weir::runtime {

inline constexpr size_t kMostQuarantined = size_t{1} << 17;  // blocks

// Once, at start.
void configure_quarantine(uint64_t most_bytes);

// A block that has left the live set goes in, once its bounds were looked at; the oldest ones go back to the pool as room is needed,
// and what was written to them is reported. A block that would take half of the room goes back at once. `base`: the pool's start of it.
void retire_guarded(const core::Inside&, ThreadState&, const HeapCall& call, const track::Block& block, uintptr_t base);

// A signal handler's free, put off, has linked its block by the block's first word, which may be more than the program asked for:
// the bounds of blocks that small tell nothing from then on.
void note_linked_block();

// What is known of a freed block that is still kept: the block as it was allocated, and its free. False where it is not.
bool find_quarantined(uintptr_t address, track::Block* block, track::HeapEvent* freed);

// Looks at the bounds of all live blocks and the contents of all that are kept, and takes down what was written to: at the end of the
// process, so WEIR_ON_ERROR=abort has no part in it. What is found is mended and not told again. Other threads may go on; their frees
// wait meanwhile.
void check_guarded_blocks(const core::Inside&);

// A forked child keeps none of its parent's: their memory is lost to the child, their frees are in the records alone.
void quarantine_reset_after_fork();

}  // namespace weir::runtime

// Calls that misuse the heap: judged by the records, taken down for the report, answered by WEIR_ON_ERROR. On the rare path of a free
// only: what the plain path finds in order never comes here.
//
// All of it inside the guard, on the thread whose state is given. Under WEIR_ON_ERROR=abort a function that takes an error down does
// not return.
#pragma once

#include <cstdint>

#include "core/guard.h"
#include "runtime/freeing_call.h"
#include "runtime/thread_state.h"
#include "track/heap_errors.h"
#include "track/live_set.h"

namespace weir::runtime {

struct HeapCall {
  const FreeingCall& what;
  uintptr_t address;               // as it was given
  const stack::Registers* caller;  // nullptr: not known any more
};

// Whether the function, size and alignment of a call are those of the block that it frees; else takes that down. By whom the
// alignment was made is not known of blocks that the host's allocator served: alignment_known is false.
void check_freeing_call(const core::Inside&, ThreadState&, const HeapCall&, const track::Block& block,
                        bool alignment_known);

// Judges a pointer that is no live block's start, by what the live set said of it. True where it may be another allocator's, which is
// then to be given it; else it is an error that must go nowhere.
bool belongs_to_host(const core::Inside&, ThreadState&, const HeapCall&, track::RemoveResult verdict,
                     const track::Block& found);

// malloc_usable_size of a freed block, whose record is still there.
void note_question_about_freed(const core::Inside&, ThreadState&, const HeapCall&, const track::Block& freed);
// The same of one whose record is gone. False where the pointer is none that is remembered, or may be another allocator's by now.
bool note_question_about_gone(const core::Inside&, ThreadState&, const HeapCall&);

// Bytes that nobody may write to were written. `call`: what came upon it; no thread where none is at fault: the process then goes on
// in any case.
void note_damage(const core::Inside&, ThreadState*, const HeapCall&, track::HeapErrorKind kind,
                 const track::Block& block, const track::HeapEvent* freed);

// A block lives without a record, as memory for records ran out: places that no record tells of may be in use from then on.
void note_untracked_block();

// For blocks whose pages may go back to the kernel when they are freed, and with them what the live set knows: the latest of each of
// 1,024 places.
void remember_freed(const track::Block& block, const track::HeapEvent& freed);

void heap_faults_reset_after_fork();

}  // namespace weir::runtime

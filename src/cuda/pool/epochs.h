// When queued work is done. A block is freed while work that was queued before may still use it; the driver's own free waits, the pool does
// not need to. Frees are numbered; an event that is recorded in a context covers all of its streams' work queued before, and so all frees up
// to then, as many as they are. A context-wide synchronise that the program makes itself does the same at no cost.
//
// Any thread; none of these may be called with the pool's lock held.
#pragma once

#include "cuda/pool/pool_contexts.h"

namespace weir::cuda::pool {

// Work that was queued before a free was called is not newer than that free's number, which is no smaller than this.
uint64_t last_free_number();

// A synchronise of that context has succeeded that was called when the last free had this number.
void note_synchronised(ContextState& state, uint64_t free_number);

// A call that is done when its work in the current context's legacy default stream is: what it tells is made use of where that stream waits
// for all others.
class LegacyStreamWait {
 public:
  // Before the call.
  explicit LegacyStreamWait(const Call& call);
  void finish(Result result) const;

 private:
  ContextState* state_ = nullptr;  // none: there is nothing to be told
  uint64_t free_number_ = 0;
};

// Asks the driver, where it is not known yet, whether the work before that free is done in every live context: records an event in those
// that have none that covers it. Makes no call while a stream is being captured. False: not yet. Cost: one or two calls for a context.
// wait_for_own: waits for the current context's work, as the driver's own free would. The others' may last for ever, or until this thread
// goes on: they are only asked.
enum class IfNot : uint8_t { say_so, wait_for_own, wait };
bool is_done(const Call& call, uint64_t free_number, IfNot if_not);

// Whether frees can do without a synchronise: older drivers lack cuCtxRecordEvent.
bool can_record();

}  // namespace weir::cuda::pool

// The one thread-local object of Weir: the re-entry depth and the thread's state. Constant-initialised and in static TLS,
// so it can be read before any constructor and from a signal handler. Cost: one fs-relative load.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::core {

struct ThreadSlot {
  void* state;  // runtime::ThreadState, or nullptr before the thread's first event and after its end
  // The same while the thread may take the plain path; while it is in it, PlainGuard's mark; nullptr inside a Guard; -1 where the
  // thread samples.
  void* plain_state;
  void* plain_state_outside;  // what plain_state is when the thread leaves a Guard
  int64_t sample_left;        // where the thread samples: bytes that it may still allocate before one is drawn
  uintptr_t inside;           // while Weir's code runs on this thread in a Guard, the stack pointer of the hook; else 0
  uint32_t no_allocation;     // debug: > 0 while an allocation by the host would be a bug of Weir's
  uint32_t thread_id;         // core::ThreadId, kept for events after the state has gone at the thread's end
  std::atomic<void*>
      deferred_frees;  // blocks freed by a signal handler that interrupted Weir, linked by their first word
  // What a thread must not be stopped in, side by side: who stops threads looks at both at once (is_busy()).
  alignas(8) uint32_t locks_held;  // spin locks that this thread holds or is about to take
  uint32_t moving_blocks;          // > 0 while a realloc has a block out of the live set (MovingBlock)
  uint32_t ignoring_depth;         // > 0 while the program excuses what the thread allocates (leak/ignored.h)
  const void* interrupted;         // see InPlaceOf; nullptr where no handler of Weir's is at work
  bool has_ended;                  // the last of its destructors has run
  uint8_t late_events_left;        // from then on: so many times a state that an event makes is released with the event
};

extern thread_local constinit ThreadSlot thread_slot __attribute__((tls_model("initial-exec")));

// Between taking a block out of the live set and putting it back, or the one that has its contents: what only the block points to would
// be taken for lost there, so the thread is not stopped but goes on (leak/thread_table.h).
class MovingBlock {
 public:
  MovingBlock() {
    ++thread_slot.moving_blocks;
    asm volatile("" ::: "memory");
  }
  ~MovingBlock() {
    asm volatile("" ::: "memory");
    --thread_slot.moving_blocks;
  }
  MovingBlock(const MovingBlock&) = delete;
  MovingBlock& operator=(const MovingBlock&) = delete;
};

// While it lives the thread works in a handler, in the place of what that has interrupted: the leak check looks there for what the thread
// holds. context: the handler's ucontext_t.
class InPlaceOf {
 public:
  explicit InPlaceOf(const void* context) : before_(thread_slot.interrupted) { thread_slot.interrupted = context; }
  ~InPlaceOf() { thread_slot.interrupted = before_; }
  InPlaceOf(const InPlaceOf&) = delete;
  InPlaceOf& operator=(const InPlaceOf&) = delete;

 private:
  const void* before_;
};

// False in the program's ifunc resolvers: the loader then has not yet given thread-local objects their first values, Weir's
// and the pool's alike, and will overwrite whatever is in them.
extern thread_local constinit bool thread_locals_ready __attribute__((tls_model("initial-exec")));

}  // namespace weir::core

// The contexts that the pool knows, and which one is the calling thread's.
//
// A context's state is never freed, and its place is used again only for another one after its end, as late as can be: another thread may
// be at a call that began before. Where there are more contexts than kMostContexts at a time, the pool serves none from then on: memory of
// one may be used by work that is queued in any other.
#pragma once

#include <atomic>

#include "cuda/call.h"
#include "cuda/pool/pool_settings.h"

namespace weir::cuda::pool {

// Work that was queued before the free of that number is done when the event is.
struct RecordedEvent {
  Event event;
  uint64_t free_number;
};
inline constexpr size_t kMostRecordedEvents = 4;

// A word that threads read without a lock while another one writes it.
template <class Value>
class Shared {
 public:
  constexpr Shared() = default;
  constexpr Shared(Value value) : value_(value) {}  // NOLINT: it is one
  Shared(const Shared& other) : value_(other.load()) {}
  Shared& operator=(const Shared& other) { return *this = other.load(); }
  Shared& operator=(Value value) {
    __atomic_store_n(&value_, value, __ATOMIC_RELAXED);
    return *this;
  }
  operator Value() const { return load(); }
  Value operator->() const { return load(); }

 private:
  Value load() const { return __atomic_load_n(&value_, __ATOMIC_RELAXED); }
  Value value_{};
};

struct ContextState {
  uint64_t handle;
  // Whose memory is allocated in it: itself; of a green context its device's primary one. nullptr until the driver has told.
  Shared<ContextState*> owner;
  int device;
  Shared<bool> is_alive;
  Shared<bool> may_be_green;           // known only by being current on a thread
  Shared<uint32_t> endings;            // calls under way that may end it
  Shared<bool> is_broken;              // an error after which no call succeeds in it
  Shared<bool> has_no_segments;        // the driver refused them
  Shared<uint32_t> peers;              // bit n: contexts of device n may access its memory
  Shared<bool> has_unordered_streams;  // see is_ordered()
  bool is_prepared;                    // what the options want ready from the start was made ready
  // Of its queued work (the pool's lock guards them):
  Shared<uint64_t> done_number;                 // all work that was queued before the free of this number is done
  bool is_asked;                                // a thread is asking the driver about it; what follows is its own
  RecordedEvent recorded[kMostRecordedEvents];  // the earliest first
  size_t recorded_count;
  Event spare[kMostRecordedEvents];
  size_t spare_count;
};
inline constexpr size_t kMostContexts = 64;

// The thread's current context; nullptr where it has none or there are too many. Cost: two loads where the thread was here before and no
// context has come or gone since.
ContextState* current_context(const Call& call);

// The thread's current context may be another one from now on.
void forget_current_context();

// The driver has told of a context. Where an earlier one of that handle is about to end, waits until it has. Takes the pool's lock.
void note_context(uint64_t handle, int device);

// Around a call that may end a context: what the pool has of it is not handed out meanwhile, and is forgotten where it did end.
void note_context_ending(uint64_t handle);
void note_context_ended(uint64_t handle, bool has_ended);

// Green contexts end without a word of which; what is left of them is found out anew.
void note_green_context_ended();

// A call in the thread's current context gave that result: one after which no call succeeds takes the context out of the pool's service.
bool is_sticky(Result result);
void note_result(const Call& call, Result result);

// A stream is being created, in the thread's current context, that the context's legacy default stream does not wait for; a green context
// of a device's, which has such streams.
void note_unordered_stream(const Call& call);
void note_green_context(int device);

// The legacy default stream waits for all other work of the context, and all later work waits for it: who has waited for that stream has
// waited for the context. Source: "stream synchronization behavior" in the public documentation of CUDA.
bool is_ordered(const ContextState& state);

// The caller holds the pool's lock.
ContextState* find_context(uint64_t handle);
bool is_context_ending(uint64_t handle);  // cost where none is: a load
using ContextVisitor = void (*)(void* argument, ContextState& state);
void for_each_live_context(ContextVisitor visit, void* argument);
// Up to which free all work that was queued before is done, in every live context. Cost: a load.
uint64_t done_in_all_contexts();
// After a context's done_number has changed.
void update_done_in_all_contexts();

// Whether the context is known, and none that is just ending. Takes the pool's lock.
bool is_in_service(uint64_t handle);

// The program has unloaded the driver: all contexts have ended.
void note_driver_replaced();

void pool_contexts_reset_after_fork();

}  // namespace weir::cuda::pool

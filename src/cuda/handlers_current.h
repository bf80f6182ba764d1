// Handlers of the calls that say which context is current on a thread, that begin work, and that tell of errors and of finished work.
#pragma once

#include "cuda/handlers_memory.h"
#include "cuda/pool/epochs.h"
#include "cuda/pool/segment_pool.h"

namespace weir::cuda::handler {

// Another context is current, or its last one is known by a handle.
struct ChangeContext {
  template <class Invoke, class... Arguments>
  static Result run(const Call&, const Invoke& invoke, Arguments...) {
    pool::forget_current_context();
    return invoke();
  }
};

// Creating makes current.
struct CreateContext {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Context* out, unsigned, Device device) {
    return created(invoke(), out, device);
  }
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Context* out, void*, int, unsigned, Device device) {
    return created(invoke(), out, device);
  }
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Context* out, void*, unsigned, Device device) {
    return created(invoke(), out, device);
  }

 private:
  static Result created(Result result, const Context* out, Device device) {
    pool::forget_current_context();
    if (result == Result::success && out != nullptr) pool::note_context(number_of(*out), device);
    return result;
  }
};

// What was freed before the call is free of queued work after it.
struct SynchroniseContext {
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke) {  // the current one
    return after_wait(call, finish(invoke, [&] { return pool::current_context(call); }));
  }
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Context context) {
    const auto state_of = [&] { return context == nullptr ? pool::current_context(call) : known(context); };
    return after_wait(call, finish(invoke, state_of));
  }

 private:
  template <class Invoke, class State>
  static Result finish(const Invoke& invoke, const State& state_of) {
    if (!pool::has_blocks()) return invoke();
    pool::ContextState* const state = state_of();
    const uint64_t free_number = pool::last_free_number();
    const Result result = invoke();
    if (result == Result::success && state != nullptr) pool::note_synchronised(*state, free_number);
    return result;
  }
  static pool::ContextState* known(Context context) {
    const pool::PoolLock lock(pool::pool_state.lock);
    return pool::find_context(number_of(context));
  }
};

// The current context may access the other one's memory from now on, or no longer: segments' memory is mapped for it by Weir.
struct PeerAccess {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Context peer, unsigned) {
    return finish(call, invoke(), peer, true);
  }
  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, Context peer) {
    return finish(call, invoke(), peer, false);
  }

 private:
  static Result finish(const Call& call, Result result, Context peer, bool may_access) {
    if (result != Result::success) return result;
    const pool::ContextState* current = pool::current_context(call);
    if (current != nullptr) pool::note_peer_access(call, number_of(peer), current->device, may_access);
    return result;
  }
};

struct CreateStream {
  static constexpr pool::From kTakesMemory = pool::From::current_device;

  template <class Invoke, class... Priority>
  static Result run(const Call& call, const Invoke& invoke, Stream*, unsigned flags, Priority...) {
    if ((flags & kStreamNonBlocking) != 0) pool::note_unordered_stream(call);
    return invoke();
  }
};

// These are of the green context's device, whose contexts know from its creation that there are such streams.
using CreateGreenStream = CountCall;

// Waits for, or asks about, a stream or an event: only the result matters, as of every call. What is said of the legacy default stream's
// order is said of work that is queued in it, and not of a wait for it.
using SynchroniseOther = CountCall;

// Code that is loaded at its first launch, and what kernels need for themselves, is device memory.
struct Launch : CountCall {
  static constexpr pool::From kTakesMemory = pool::From::current_device;
};

}  // namespace weir::cuda::handler

// Handlers of the calls that end a context, and of the look-up of all other functions.
#pragma once

#include "cuda/contexts.h"
#include "cuda/handlers_memory.h"
#include "cuda/hooks.h"
#include "cuda/pool/pool_contexts.h"

namespace weir::cuda::handler {

struct RetainPrimaryContext {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Context* out, Device device) {
    const Result result = invoke();
    if (result != Result::success || out == nullptr) return result;
    note_primary_context(device, number_of(*out));
    pool::note_context(number_of(*out), device);
    return result;
  }
};

// Around a call that may end a context.
class Ending {
 public:
  explicit Ending(uint64_t context) : context_(context), serial_(last_serial()) { pool::note_context_ending(context); }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  void finish(bool has_ended) const {
    if (has_ended) end_context(context_, serial_);  // guard: context-end
    pool::note_context_ended(context_, has_ended);
  }

 private:
  uint64_t context_;
  uint64_t serial_;  // what is newer came after the call began
};

struct ResetPrimaryContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Device device) {
    const Ending ending(primary_context(device));
    const Result result = invoke();
    ending.finish(result == Result::success);
    return result;
  }
};

struct ReleasePrimaryContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Device device) {
    const Ending ending(primary_context(device));
    const Result result = invoke();
    ending.finish(result == Result::success && !is_active(device));
    return result;
  }

 private:
  static bool is_active(Device device) {
    unsigned flags = 0;
    int active = 0;
    const auto state = driver_queries().get_primary_state;
    return state == nullptr || state(device, &flags, &active) != Result::success || active != 0;
  }
};

struct DestroyContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Context context) {
    const Ending ending(number_of(context));
    const Result result = invoke();
    ending.finish(result == Result::success);
    return result;
  }
};

// The last detach ends the context, which then is current no more.
struct DetachContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Context context) {
    const Ending ending(number_of(context));
    const Result result = invoke();
    ending.finish(result == Result::success && current_place().context != number_of(context));
    return result;
  }
};

struct GiveAddress {
  template <class Invoke, class... Status>
  static Result run(const Call&, const Invoke& invoke, const char* name, void** function, int, Flags64, Status...) {
    const Result result = invoke();
    if (result == Result::success && function != nullptr && *function != nullptr)
      *function = hook_for_asked(name, *function);
    return result;
  }
};

}  // namespace weir::cuda::handler

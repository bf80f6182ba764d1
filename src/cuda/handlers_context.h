// Handlers of the calls that end a context, and of the look-up of all other functions.
#pragma once

#include "cuda/contexts.h"
#include "cuda/handlers_memory.h"
#include "cuda/hooks.h"

namespace weir::cuda::handler {

struct RetainPrimaryContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Context* out, Device device) {
    const Result result = invoke();
    if (result == Result::success && out != nullptr) note_primary_context(device, number_of(*out));
    return result;
  }
};

struct ResetPrimaryContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Device device) {
    const uint64_t serial = last_serial();
    const Result result = invoke();
    if (result == Result::success) end_context(primary_context(device), serial);
    return result;
  }
};

struct ReleasePrimaryContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Device device) {
    const uint64_t serial = last_serial();
    const Result result = invoke();
    if (result == Result::success && !is_active(device)) end_context(primary_context(device), serial);
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
    const uint64_t serial = last_serial();
    const Result result = invoke();
    if (result == Result::success) end_context(number_of(context), serial);  // guard: context-end
    return result;
  }
};

// The last detach ends the context, which then is current no more.
struct DetachContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Context context) {
    const uint64_t serial = last_serial();
    const Result result = invoke();
    if (result == Result::success && current_place().context != number_of(context)) {
      end_context(number_of(context), serial);
    }
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

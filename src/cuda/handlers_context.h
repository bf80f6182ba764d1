// Handlers of the calls that end a context, and of the look-up of all other functions.
#pragma once

#include "cuda/contexts.h"
#include "cuda/handlers_memory.h"
#include "cuda/hooks.h"
#include "cuda/pool/pool_contexts.h"
#include "cuda/running_captures.h"

namespace weir::cuda::handler {

inline bool is_primary_active(Device device) {
  unsigned flags = 0;
  int active = 0;
  const auto state = driver_queries().get_primary_state;
  return state == nullptr || state(device, &flags, &active) != Result::success || active != 0;
}

// A driver that was unloaded and lies again where it was cannot be told by its place, but by what it does not know.
inline void forget_where_replaced(Device device) {
  const uint64_t primary = primary_context(device);
  if (!pool::is_in_service(primary) || is_primary_active(device)) return;
  end_context(primary, last_serial());
  pool::note_driver_replaced();
}

struct RetainPrimaryContext {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Context* out, Device device) {
    forget_where_replaced(device);
    PrimaryRetain retain(device);
    const Result result = invoke();
    retain.finish(result == Result::success);
    if (result != Result::success || out == nullptr) return result;
    note_primary_context(device, number_of(*out));
    pool::note_context(number_of(*out), device);
    return result;
  }
};

// Around a call that may end a context.
class Ending {
 public:
  explicit Ending(uint64_t context) : context_(context), serial_(last_serial()), last_capture_(last_capture()) {
    pool::note_context_ending(context);
  }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  void finish(bool has_ended) const {
    if (has_ended) end_context(context_, serial_);  // guard: context-end
    if (has_ended) note_captures_ended_with_context(context_, last_capture_);
    pool::note_context_ended(context_, has_ended);
  }

 private:
  uint64_t context_;
  uint64_t serial_;  // what is newer came after the call began
  uint64_t last_capture_;
};

struct ResetPrimaryContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Device device) {
    const Ending ending(primary_context(device));
    const Result result = invoke();
    if (result == Result::success) forget_primary_retains(device);
    ending.finish(result == Result::success);
    return result;
  }
};

struct ReleasePrimaryContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Device device) {
    begin_primary_release(device);
    const Result result = is_primary_held(device) ? invoke() : release_last(invoke, device);
    if (result != Result::success) primary_release_refused(device);
    return result;
  }

 private:
  // Where it is active all the same but was retained meanwhile, nobody can tell whether it ended before that.
  template <class Invoke>
  static Result release_last(const Invoke& invoke, Device device) {
    const Ending ending(primary_context(device));
    const Result result = invoke();
    ending.finish(result == Result::success && (!is_primary_active(device) || may_be_retained_anew(device)));
    return result;
  }
};

// A green context retains its device's primary one, whose memory its work uses, and which may end with it. Source: the public cuda.h.
struct CreateGreenContext {
  static constexpr pool::From kTakesMemory = pool::From::anywhere;

  template <class Invoke>
  static Result run(const Call& call, const Invoke& invoke, GreenContext*, ResourceDescription, Device device,
                    unsigned) {
    pool::note_green_context(device);
    const Result result = invoke();
    if (result == Result::success) learn_primary(call, device);
    return result;
  }

 private:
  static void learn_primary(const Call& call, Device device) {
    const DriverQueries& driver = driver_queries();
    if (driver.retain_primary == nullptr || driver.release_primary == nullptr) return;
    const InDriver in_driver(call.caller.sp);
    Context primary = nullptr;
    if (driver.retain_primary(&primary, device) != Result::success) return;
    note_primary_context(device, number_of(primary));
    pool::note_context(number_of(primary), device);
    driver.release_primary(device);
  }
};

// The handle does not tell of which device. What the program holds itself does not end.
struct DestroyGreenContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, GreenContext context) {
    const uint64_t serial = last_serial(), last = last_capture();
    uint64_t may_end[kMostDevices];
    for (Device device = 0; device < kMostDevices; ++device) {
      may_end[device] = is_primary_held(device) ? 0 : primary_context(device);
      if (may_end[device] != 0) pool::note_context_ending(may_end[device]);
    }
    const Result result = invoke();
    for (Device device = 0; device < kMostDevices; ++device) {
      if (may_end[device] == 0) continue;
      const bool has_ended = result == Result::success && !is_primary_active(device);
      if (has_ended) end_context(may_end[device], serial);
      if (has_ended) note_captures_ended_with_context(may_end[device], last);
      pool::note_context_ended(may_end[device], has_ended);
    }
    if (result != Result::success) return result;
    note_captures_ended_with_green_context(context, last);
    pool::note_green_context_ended();
    return result;
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

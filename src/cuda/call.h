// One call of the program's to a hooked function of the driver's.
#pragma once

#include "core/guard.h"
#include "cuda/allocation.h"
#include "cuda/driver_types.h"
#include "cuda/entry_points.h"
#include "stack/verified_leaf.h"

namespace weir::cuda {

struct Call {
  Entry entry;
  bool of_thread_stream;  // for this function the null stream is the thread's own
  void* real;             // the driver's function, or what another library has put before it
  stack::Registers caller;

  // The stream as the report names it: the default ones by their handles.
  uint64_t number_of(Stream stream) const {
    if (stream != nullptr) return reinterpret_cast<uint64_t>(stream);
    return of_thread_stream ? kPerThreadStream : kLegacyStream;
  }
};

// Who tells where a call came from: the composer's business (capture, the thread's state).
using OriginSource = Origin (*)(const core::Guard&, const stack::Registers&);

struct Settings {
  OriginSource origin_source = nullptr;  // without one the hooks take no part: every call passes straight on
  bool tracks_device = true;
  bool tracks_pinned = true;  // and registered host memory
  bool records_out_of_memory = true;
  void (*control_server)() = nullptr;                               // see cuda/control.h
  void (*time_note)(const core::Inside&, uint64_t tick) = nullptr;  // told of each change of what is live
};

// Once, at the process's start.
void configure(const Settings& chosen);
const Settings& settings();
inline bool takes_part() { return settings().origin_source != nullptr; }
inline bool tracks_anything() { return settings().tracks_device || settings().tracks_pinned; }
inline bool is_tracked(Kind kind) {
  return kind == Kind::pinned || kind == Kind::registered ? settings().tracks_pinned : settings().tracks_device;
}

// The call's origin. Inside Weir for itself; an unknown one where the thread is inside already.
Origin origin_of(const Call& call);

// The stack pointer of the program's call that is in the driver on this thread; 0: none.
extern thread_local constinit uintptr_t driver_frame __attribute__((tls_model("initial-exec")));

// Marks the thread as being inside the driver for its scope: what the driver calls itself is not the program's. A mark that was left
// behind by a longjmp is passed over: the driver's own calls come from deeper in the stack.
class InDriver {
 public:
  explicit InDriver(uintptr_t stack_pointer) : before_(driver_frame) { driver_frame = stack_pointer; }
  ~InDriver() { driver_frame = before_; }
  InDriver(const InDriver&) = delete;
  InDriver& operator=(const InDriver&) = delete;

  static bool is_inside(uintptr_t stack_pointer) { return stack_pointer < driver_frame; }

 private:
  uintptr_t before_;
};

// The function behind the call, with arguments that may be others than the program's. Their types must be the function's own
// (signatures.h): a handler has them from its own parameters.
template <class... Arguments>
Result call_driver(const Call& call, Arguments... arguments) {
  const InDriver in_driver(call.caller.sp);
  return reinterpret_cast<Result (*)(Arguments...)>(call.real)(arguments...);
}

// A signal handler has interrupted Weir where it holds a lock: whatever the handler calls passes on unseen.
inline bool holds_lock() { return core::thread_slot.locks_held != 0; }

}  // namespace weir::cuda

// Handlers of the calls that say which context is current on a thread, that begin work, and that tell of errors and of finished work.
#pragma once

#include "cuda/call.h"

namespace weir::cuda::handler {

// Another context is current, or its last one is known by a handle.
struct ChangeContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Context) {  // made current
    return invoke();
  }
  template <class Invoke, class... Flags>
  static Result run(const Call&, const Invoke& invoke, Context* /*out*/, Flags...) {  // popped; attached
    return invoke();
  }
};

// Creating makes current.
struct CreateContext {
  template <class Invoke, class... Wishes>
  static Result run(const Call&, const Invoke& invoke, Context* /*out*/, Wishes...) {
    return invoke();
  }
};

struct DestroyGreenContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, GreenContext) {
    return invoke();
  }
};

struct SynchroniseContext {
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke) {  // the current one
    return invoke();
  }
  template <class Invoke>
  static Result run(const Call&, const Invoke& invoke, Context) {
    return invoke();
  }
};

// Waits for, or asks about, a stream or an event.
struct SynchroniseOther {
  template <class Invoke, class Handle>
  static Result run(const Call&, const Invoke& invoke, Handle) {
    return invoke();
  }
};

struct Launch {
  template <class Invoke, class... Arguments>
  static Result run(const Call&, const Invoke& invoke, Arguments...) {
    return invoke();
  }
};

}  // namespace weir::cuda::handler

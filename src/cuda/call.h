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
  stack::Registers caller;

  // The stream as the report names it: the default ones by their handles.
  uint64_t number_of(Stream stream) const {
    if (stream != nullptr) return reinterpret_cast<uint64_t>(stream);
    return of_thread_stream ? kPerThreadStream : kLegacyStream;
  }
};

// Who tells where a call came from: the composer's business (capture, the thread's state).
using OriginSource = Origin (*)(const core::Inside&, const stack::Registers&);

struct Settings {
  OriginSource origin_source = nullptr;  // without one the hooks take no part: every call passes straight on
  bool tracks_device = true;
  bool tracks_pinned = true;  // and registered host memory
  bool records_out_of_memory = true;
};

// Once, at the process's start.
void configure(const Settings& chosen);
const Settings& settings();
inline bool takes_part() { return settings().origin_source != nullptr; }

// The call's origin. Inside Weir for itself; an unknown one where the thread is inside already.
Origin origin_of(const Call& call);

extern thread_local constinit int driver_depth __attribute__((tls_model("initial-exec")));

// Marks the thread as being inside the driver for its scope: what the driver calls itself is not the program's.
class InDriver {
 public:
  InDriver() { ++driver_depth; }
  ~InDriver() { --driver_depth; }
  InDriver(const InDriver&) = delete;
  InDriver& operator=(const InDriver&) = delete;

  static bool is_inside() { return driver_depth > 0; }
};

}  // namespace weir::cuda

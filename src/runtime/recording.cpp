#include "runtime/recording.h"

#include "runtime/process.h"
#include "runtime/thread_state.h"
#include "track/recording.h"

namespace weir::runtime {

bool set_recording(bool on) {
  if (!ensure_started()) return false;
  const core::Guard guard;
  if (!guard.entered()) return false;
  set_recording(guard.token(), on);
  return true;
}

void set_recording(const core::Inside& inside, bool on) {
  const bool is_changed = on ? track::resume_recording() : track::pause_recording();
  if (is_changed) read_ticks_anew(inside);
}

}  // namespace weir::runtime

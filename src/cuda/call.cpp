#include "cuda/call.h"

#include "cuda/control.h"

namespace weir::cuda {
namespace {

constinit Settings settings_in_effect;

}  // namespace

thread_local constinit uintptr_t driver_frame = 0;
thread_local constinit uint32_t calls_of_thread = 0;

void configure(const Settings& chosen) { settings_in_effect = chosen; }

const Settings& settings() { return settings_in_effect; }

Origin origin_of(const Call& call) {
  const core::Guard guard(call.caller.sp);
  const OriginSource source = settings().origin_source;
  return guard.entered() && source != nullptr ? source(guard, call.caller) : Origin{};
}

}  // namespace weir::cuda

#include "cuda/call.h"

#include <atomic>

namespace weir::cuda {
namespace {

std::atomic<OriginSource> origin_source{nullptr};

}  // namespace

thread_local constinit int driver_depth = 0;

void set_origin_source(OriginSource source) { origin_source.store(source, std::memory_order_release); }

bool takes_part() { return origin_source.load(std::memory_order_relaxed) != nullptr; }

Origin origin_of(const Call& call) {
  const core::Guard guard(call.caller.sp);
  const OriginSource source = origin_source.load(std::memory_order_acquire);
  return guard.entered() && source != nullptr ? source(guard.token(), call.caller) : Origin{};
}

}  // namespace weir::cuda

#include "cuda/pool/out_of_memory_retry.h"

#include "cuda/pool/host_pins.h"
#include "cuda/pool/pool_state.h"
#include "cuda/pool/upkeep.h"

namespace weir::cuda::pool {
namespace {

constexpr int kMostRetries = 8;  // other threads may take what one has given back

// Blocks that another thread is giving back at this moment are as good as free. Not for ever: that thread may wait for the device, and the
// device for this one.
void wait_for_returns() {
  Patience patience;
  while (blocks_on_their_way() != 0 && patience.lasts()) {
  }
}

void flush(const Call& call, Memory memory, int device) {
  const uint64_t bytes = give_back_idle(call, memory, device, 0);
  if (bytes == 0) return;
  const PoolLock lock(pool_state.lock);
  Figures& figures = pool_state.figures(memory, device);
  ++figures.flush_count;
  figures.flushed_bytes += bytes;
}

}  // namespace

OutOfMemoryRetry::OutOfMemoryRetry(const Call& call, From from)
    : call_(call), from_(from), returns_before_(returns_done()) {}

void OutOfMemoryRetry::give_back() const {
  const ContextState* context = from_ == From::current_device ? current_context(call_) : nullptr;
  for (int device = 0; device < kMostDevices; ++device) {
    if (context != nullptr && context->device != device) continue;
    for (const Memory memory : {Memory::device, Memory::pinned}) flush(call_, memory, device);
  }
}

bool OutOfMemoryRetry::is_worth_while() {
  if (give_up_host_pins(call_)) return true;
  if (!has_blocks() && returns_done() == returns_before_ && blocks_on_their_way() == 0) return false;
  if (++retries_ > kMostRetries) return false;
  give_back();
  wait_for_returns();
  const uint64_t returns = returns_done();
  const bool has_more = returns != returns_before_;
  returns_before_ = returns;
  if (!has_more) --retries_;
  return has_more;
}

Result OutOfMemoryRetry::finish(Result result) const {
  if (retries_ == 0) return result;
  const ContextState* context = current_context(call_);
  const PoolLock lock(pool_state.lock);
  Figures& figures = pool_state.figures(Memory::device, context == nullptr ? 0 : context->device);
  figures.retry_count += static_cast<uint64_t>(retries_);
  if (result == Result::success) ++figures.retry_saved_count;
  return result;
}

}  // namespace weir::cuda::pool

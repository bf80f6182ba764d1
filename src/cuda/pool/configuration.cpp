#include "cuda/pool/configuration.h"

#include <atomic>

#include "cuda/driver.h"
#include "cuda/pool/pool_contexts.h"

namespace weir::cuda::pool {
namespace {

constinit Settings settings_in_effect{};
constinit core::ClockPair clock_at_start{};
std::atomic<Mode> mode_in_effect{Mode::off};  // until configure()
std::atomic<bool> has_no_segments{false};
std::atomic<bool> were_segments_refused{false};

}  // namespace

void configure(const Settings& chosen) {
  settings_in_effect = chosen;
  clock_at_start = core::read_clock_pair();
  set_mode(chosen.device_mode);
  set_driver_replaced(&note_driver_replaced);
}

const Settings& settings() { return settings_in_effect; }

core::ClockPair configured_at() { return clock_at_start; }

Mode mode() { return mode_in_effect.load(std::memory_order_relaxed); }

bool set_mode(Mode mode) {
  if (mode == Mode::vmm && has_no_segments.load(std::memory_order_relaxed)) return false;
  mode_in_effect.store(mode, std::memory_order_relaxed);
  return true;
}

void give_up_segments() {
  has_no_segments.store(true, std::memory_order_relaxed);
  Mode expected = Mode::vmm;
  mode_in_effect.compare_exchange_strong(expected, Mode::strict, std::memory_order_relaxed);
}

void note_segments_refused() { were_segments_refused.store(true, std::memory_order_relaxed); }

bool lacks_segments() {
  return has_no_segments.load(std::memory_order_relaxed) || were_segments_refused.load(std::memory_order_relaxed);
}

}  // namespace weir::cuda::pool

#include "runtime/waking.h"

#include "core/guard.h"
#include "leak/futex.h"
#include "leak/parking.h"
#include "runtime/control.h"
#include "runtime/parking_signal.h"
#include "runtime/process.h"

namespace weir::runtime {
namespace {

static_assert(leak::kWakeValue == control::kWakeValue);

constinit leak::Waker own_waker{nullptr, nullptr};

// In the handler, on a thread of the libc's. Where it has interrupted Weir, who asks tries again.
void serve_woken() {
  if (process_stage.load(std::memory_order_acquire) != Stage::tracking || core::thread_slot.locks_held != 0) return;
  const core::Guard guard;
  if (guard.entered()) serve_snapshot(guard.token());
}

bool is_sending(const control::Waking& waking) { return waking.is_sending.load(std::memory_order_seq_cst) != 0; }

uint32_t on_their_way(const control::Waking& waking) {
  const uint32_t sent = waking.sent_count.load(std::memory_order_seq_cst);
  return sent - waking.met_count.load(std::memory_order_seq_cst);
}

void wait_until_met(control::Waking& waking) {
  constexpr uint64_t kMostNs = 100'000'000, kLookNs = 200'000;
  for (leak::Patience patience(kMostNs); is_sending(waking) || on_their_way(waking) != 0; leak::sleep_ns(kLookNs)) {
    if (!patience.is_over()) continue;
    constexpr uint32_t kMostCredible = 1000;  // the count is the other side's
    const uint32_t left = on_their_way(waking);
    leak::expect_signals(left < kMostCredible ? left + 1 : 1);
    waking.sent_count.store(waking.met_count.load(std::memory_order_seq_cst), std::memory_order_seq_cst);
    waking.is_sending.store(0, std::memory_order_seq_cst);
    return;
  }
}

}  // namespace

void publish_waking() {
  control::ControlPage* page = control_page();
  if (page == nullptr) return;
  own_waker = {&page->waking.met_count, &serve_woken};
  leak::waker.store(&own_waker, std::memory_order_release);
  page->waking.signal.store(static_cast<uint32_t>(signal_with_handler()), std::memory_order_seq_cst);
}

WakingHeldOff::WakingHeldOff() {
  control::ControlPage* page = control_page();
  if (page == nullptr) return;
  page->waking.signal.store(0, std::memory_order_seq_cst);
  wait_until_met(page->waking);
}

WakingHeldOff::~WakingHeldOff() { publish_waking(); }

void waking_reset_after_fork() { leak::waker.store(nullptr, std::memory_order_relaxed); }

}  // namespace weir::runtime

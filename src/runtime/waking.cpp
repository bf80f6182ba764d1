#include "runtime/waking.h"

#include "core/confinement.h"
#include "core/guard.h"
#include "leak/futex.h"
#include "leak/parking.h"
#include "options/options.h"
#include "runtime/control.h"
#include "runtime/control_opening.h"
#include "runtime/parking_signal.h"
#include "runtime/process.h"
#include "runtime/wake_marker.h"

namespace weir::runtime {
namespace {

static_assert(leak::kWakeValue == control::kWakeValue);

// In the handler, on a thread of the libc's. Where it has interrupted Weir, who asks tries again.
void serve_woken() {
  if (process_stage.load(std::memory_order_acquire) != Stage::tracking || core::thread_slot.locks_held != 0) return;
  const core::Guard guard;
  if (!guard.entered()) return;
  if (control_page() == nullptr) open_control_in_time();
  serve_snapshot(guard.token());
}

constinit std::atomic<uint32_t> met_without_page{0};
constinit leak::Waker own_waker{&met_without_page, &serve_woken};

bool may_be_woken() { return options::current().ctl && !core::system_calls_restricted() && is_own_process(); }

bool is_sending(const control::Waking& waking) { return waking.is_sending.load(std::memory_order_seq_cst) != 0; }

void wait_until_met(control::Waking& waking) {
  constexpr uint64_t kMostNs = 100'000'000, kLookNs = 200'000;
  for (leak::Patience patience(kMostNs); is_sending(waking) || waking.on_their_way() != 0; leak::sleep_ns(kLookNs)) {
    if (!patience.is_over()) continue;
    constexpr uint32_t kMostCredible = 1000;  // the count is the other side's
    const uint32_t left = waking.on_their_way();
    leak::expect_signals(left < kMostCredible ? left + 1 : 1);
    waking.sent_count.store(waking.met_count.load(std::memory_order_seq_cst), std::memory_order_seq_cst);
    waking.is_sending.store(0, std::memory_order_seq_cst);
    return;
  }
}

void publish(bool at_start) {
  if (!may_be_woken()) return;
  control::ControlPage* page = control_page();
  own_waker.met_count.store(page == nullptr ? &met_without_page : &page->waking.met_count, std::memory_order_release);
  leak::waker.store(&own_waker, std::memory_order_release);
  const int signal = signal_with_handler(at_start);
  if (page != nullptr) page->waking.signal.store(static_cast<uint32_t>(signal), std::memory_order_seq_cst);
  show_waking_signal(page == nullptr ? signal : 0);
}

}  // namespace

void publish_waking() { publish(/*at_start=*/false); }

void begin_waking() {
  if (!options::current().ctl) return;
  find_library_file();
  publish(/*at_start=*/true);
}

WakingHeldOff::WakingHeldOff() {
  if (control::ControlPage* page = control_page()) {
    page->waking.signal.store(0, std::memory_order_seq_cst);
    wait_until_met(page->waking);
  } else if (shows_waking_signal()) {
    show_waking_signal(0);
    wait_for_wakers();  // guard: waker-lock
  }
}

WakingHeldOff::~WakingHeldOff() { publish_waking(); }

void waking_reset_after_fork() {
  own_waker.met_count.store(&met_without_page, std::memory_order_relaxed);
  if (core::system_calls_restricted()) return;
  const int signal = leak::parking_signal();
  if (signal != 0 && leak::has_parking_handler(signal)) show_waking_signal(signal);
}

}  // namespace weir::runtime

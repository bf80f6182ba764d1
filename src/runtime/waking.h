// How another process wakes this one where it sleeps and allocates nothing: by the parking signal, whose handler (leak/parking.h) then serves
// what is asked (control/control_page.h, Waking).
//
// The signal without the handler would be the end of the process: whoever takes the handler away, or executes another program, holds
// waking off meanwhile.
#pragma once

namespace weir::runtime {

// Says by which signal this process is woken: in its page, or by the marker (wake_marker.h) where it has none yet. Installs the handler.
void publish_waking();

// The same at the start of the process, where the options leave it to be asked.
void begin_waking();

// While it lives nobody sends the signal, and what was sent before has met its handler. Waits for a moment at the most: who asks may have
// been killed while he was sending, and a thread may have come to block the signal; the handler then stays (leak::expect_signals). Not in a
// child of vfork.
class WakingHeldOff {
 public:
  WakingHeldOff();
  ~WakingHeldOff();
  WakingHeldOff(const WakingHeldOff&) = delete;
  WakingHeldOff& operator=(const WakingHeldOff&) = delete;
};

// In a forked child: its parent's page is not its own. It is woken by the marker.
void waking_reset_after_fork();

}  // namespace weir::runtime

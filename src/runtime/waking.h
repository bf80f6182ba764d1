// How another process wakes this one where it sleeps and allocates nothing: by the parking signal, whose handler (leak/parking.h) then serves
// what is asked (control/control_page.h, Waking).
//
// The signal without the handler would be the end of the process: whoever takes the handler away, or executes another program, holds
// waking off meanwhile.
#pragma once

namespace weir::runtime {

// There is a new page: installs the handler and says by which signal this process is woken.
void publish_waking();

// While it lives nobody sends the signal, and what was sent before has met its handler. Waits for a moment at the most: who asks may have
// been killed while he was sending, and a thread may have come to block the signal; the handler then stays (leak::expect_signals). Not in a
// child of vfork. Cost where there is no page: a load.
class WakingHeldOff {
 public:
  WakingHeldOff();
  ~WakingHeldOff();
  WakingHeldOff(const WakingHeldOff&) = delete;
  WakingHeldOff& operator=(const WakingHeldOff&) = delete;
};

// In a forked child: its parent is woken, not this process.
void waking_reset_after_fork();

}  // namespace weir::runtime

// The parking signal: a real-time signal that Weir keeps open in every thread, and whose handler writes the thread's registers down and
// waits. Who chooses it, and keeps it open, is the composer (runtime/parking_signal.h).
//
// Once installed, the handler stays: a signal that was sent may arrive late. A signal of that number which Weir did not send has the
// effect that it would have without Weir: it ends the process, or stays pending where the program blocks it.
#pragma once

#include <ucontext.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "leak/futex.h"
#include "leak/signal_set.h"

namespace weir::leak {

class ThreadTable;

// 0: none. Cost: one load. Any thread, any time.
extern std::atomic<int> parking_signal_number;
inline int parking_signal() { return parking_signal_number.load(std::memory_order_acquire); }

// Installs the handler where the signal has its default action; true where it is installed now. False where the program has an action
// of its own for it. Not for several threads at once.
//
// The handler runs on a thread's alternate stack where the program has its handlers of ordinary signals run there: it asks the kernel for
// all of them. at_start: the program has none yet.
bool install_parking_handler(int signal, bool at_start = false);

// True where the handler is installed for the signal.
bool has_parking_handler(int signal);

// Gives the signal the default action that it had when the handler was installed (its flags may be the program's), unless a signal that
// was sent has not arrived yet. Only within a round.
void remove_parking_handler(int signal);

// What the kernel tells of the action that the program has for the signal, while the handler stands in its place.
struct KernelAction {
  uintptr_t handler;
  unsigned long flags;
  uintptr_t restorer;
  SignalSet mask;
};
KernelAction program_action();

// A round of asking: one at a time in a process. False where it did not become this thread's turn in time, or a thread is
// executing another program. Any thread; never within a round of its own.
bool begin_round(Patience* patience);
// Lets all who wait in the handler go on. Returns false where some had not left it in time: the table is then not to be unmapped.
bool end_round();

// Handlers answer to this table from now on.
void publish(ThreadTable* table);

// Sends the parking signal to a thread of the process. The kernel's answer.
long ask_thread(int tid, int signal);

// While it lives no round begins: a signal that is sent to a thread which executes another program would meet that program. Waits for
// a round that is under way. Not in a child of vfork.
class RoundsHeldOff {
 public:
  RoundsHeldOff();
  ~RoundsHeldOff();
  RoundsHeldOff(const RoundsHeldOff&) = delete;
  RoundsHeldOff& operator=(const RoundsHeldOff&) = delete;
};

// Takes parking signals of Weir's, and of who wakes this process, away that are pending for the calling thread or for any: they would outlive
// an exec.
void take_back_pending(int signal);

// How many bytes of vector registers the kernel has put down in the frame of a signal, whole words of which may be read.
size_t extended_bytes_of(const _libc_fpstate* area);

// Another process may wake a thread that sleeps by the same signal, with a value that names it (SI_QUEUE): its handler counts it, and calls
// `serve` where the thread is one of the libc's, with what it has interrupted in core::thread_slot.interrupted.
inline constexpr uintptr_t kWakeValue = 0x454b415752494557;  // "WEIRWAKE", control::kWakeValue
struct Waker {
  std::atomic<std::atomic<uint32_t>*> met_count;
  void (*serve)();
};
extern std::atomic<const Waker*> waker;

// So many signals are on their way that were not sent by ask_thread: the handler stays until they have met it.
void expect_signals(uint32_t count);

void parking_reset_after_fork();

}  // namespace weir::leak

#include "leak/parking_change.h"

#include <signal.h>

#include "core/system_call.h"
#include "leak/parking.h"
#include "leak/task_list.h"
#include "leak/thread_round.h"
#include "leak/thread_table.h"

namespace weir::leak {
namespace {

long change_mask(int how, const SignalSet* change, SignalSet* before) {
  return core::system_call(SYS_rt_sigprocmask, how, core::as_argument(change), core::as_argument(before),
                           sizeof(SignalSet));
}

// A round of the calling thread's, in which no handler of the program's runs on it.
class OwnRound {
 public:
  OwnRound() {
    const SignalSet all = ~SignalSet{0};
    change_mask(SIG_SETMASK, &all, &mask_before_);
    Patience patience(kNsPerSecond);
    has_turn_ = begin_round(&patience);
  }
  ~OwnRound() {
    const bool all_left = !has_turn_ || end_round();
    if (table_ != nullptr && all_left) ThreadTable::destroy(table_);
    change_mask(SIG_SETMASK, &mask_before_, nullptr);
  }
  OwnRound(const OwnRound&) = delete;
  OwnRound& operator=(const OwnRound&) = delete;

  bool has_turn() const { return has_turn_; }

  void ask_others(int signal) {
    const size_t count = thread_count();
    if (count == 1) return;
    table_ = ThreadTable::create(Purpose::true_masks, count * 4 + 256);
    if (table_ == nullptr) return;
    publish(table_);
    Patience patience(kNsPerSecond);
    ThreadRound(*table_, signal, patience).run();
  }

 private:
  SignalSet mask_before_ = 0;
  bool has_turn_ = false;
  ThreadTable* table_ = nullptr;
};

}  // namespace

bool block_where_held_open(int signal) {
  SignalSet mask = 0;
  if (signal == 0 || change_mask(SIG_BLOCK, nullptr, &mask) != 0 || !holds_open(mask, signal)) return false;
  const SignalSet one = bit_of(signal);
  return change_mask(SIG_BLOCK, &one, nullptr) == 0;
}

void hold_open_again(int signal) {
  const SignalSet one = bit_of(signal);
  change_mask(SIG_UNBLOCK, &one, nullptr);
}

void replace_parking_signal(int signal, int next, bool masks_hold_open) {
  OwnRound round;
  if (round.has_turn()) {
    if (masks_hold_open) round.ask_others(signal);
    remove_parking_handler(signal);
  }
  parking_signal_number.store(next, std::memory_order_release);
}

void with_program_action(int signal, void (*change)(void* context), void* context) {
  const OwnRound round;
  if (round.has_turn()) remove_parking_handler(signal);
  change(context);
  if (round.has_turn() && parking_signal() == signal) install_parking_handler(signal);
}

}  // namespace weir::leak

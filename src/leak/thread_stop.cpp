#include "leak/thread_stop.h"

#include <signal.h>

#include "core/confinement.h"
#include "core/system_call.h"
#include "leak/parking.h"
#include "leak/task_list.h"
#include "leak/thread_round.h"
#include "leak/thread_table.h"

// Of the libc: false from the first pthread_create on.
extern "C" __attribute__((weak)) char __libc_single_threaded;

namespace weir::leak {
namespace {

constexpr char kConfined[] = "the process confined itself with a seccomp filter";
constexpr char kNoTurn[] = "another thread was stopping the threads, or executing another program";
constexpr char kNoMemory[] = "no memory for the list of threads";
constexpr char kNoList[] = "/proc/self/task cannot be read";
constexpr char kTooMany[] = "threads were begun faster than they could be stopped";
constexpr char kNoTracing[] = "they block all signals, and tracing is denied";
constexpr char kNoTime[] = "they did not stop in time";
constexpr char kDeaf[] = "they sleep deaf to signals";

// Where /proc does not tell, the libc does, of the threads that it made.
bool is_only_thread(size_t count) {
  if (count != 0) return count == 1;
  return &__libc_single_threaded != nullptr && __libc_single_threaded != 0;
}

// Threads may be begun while others are being stopped.
size_t capacity_for(size_t count) { return count * 4 + 256; }

long change_mask(const SignalSet* mask, SignalSet* before) {
  return core::system_call(SYS_rt_sigprocmask, SIG_SETMASK, core::as_argument(mask), core::as_argument(before),
                           sizeof(SignalSet));
}

const char* reason_of(const ThreadRound& round) {
  if (!round.found_tasks()) return kNoList;
  if (!round.saw_all()) return kTooMany;
  if (round.was_denied_tracing()) return kNoTracing;
  return round.ran_out_of_time() ? kNoTime : kDeaf;
}

}  // namespace

StoppedThreads::StoppedThreads(const core::Inside&, uint64_t limit_ns) {
  unknown_ = 1;
  why_ = kConfined;
  if (core::system_calls_restricted()) return;
  const size_t count = thread_count();
  unknown_ = count > 1 ? count - 1 : 1;
  if (is_only_thread(count)) {
    unknown_ = 0;
    why_ = nullptr;
  } else {
    stop_all(limit_ns);
  }
}

StoppedThreads::~StoppedThreads() {
  if (owns_round_) let_go();
}

void StoppedThreads::stop_all(uint64_t limit_ns) {
  Patience patience(limit_ns);
  why_ = kNoTurn;
  if (!begin_round(&patience)) return;
  owns_round_ = true;
  const SignalSet all = ~SignalSet{0};
  change_mask(&all, &mask_before_);
  why_ = kNoMemory;
  table_ = ThreadTable::create(Purpose::stop, capacity_for(unknown_));
  if (table_ == nullptr) return;
  publish(table_);
  const int signal = parking_signal();
  ThreadRound round(*table_, signal != 0 && install_parking_handler(signal) ? signal : 0, patience);
  round.run();  // guard: safe-point
  helper_ = round.helper();
  count_known();
  if (!round.found_tasks() || !round.saw_all()) ++unknown_;
  why_ = unknown_ == 0 ? nullptr : reason_of(round);
}

// Entries stay where they are: those of threads that have ended are passed over.
void StoppedThreads::count_known() {
  count_ = unknown_ = 0;
  for (size_t i = 0; i < table_->size(); ++i) {
    const ThreadEntry& entry = (*table_)[i];
    if (entry.state.load(std::memory_order_acquire) == ThreadState::gone) continue;
    table_->listed()[count_++] = static_cast<uint32_t>(i);
    if (!entry.thread.registers_known) ++unknown_;
  }
}

const StoppedThread& StoppedThreads::operator[](size_t index) const {
  const ThreadTable& table = *table_;
  return table[table.listed()[index]].thread;
}

size_t StoppedThreads::own_memory_bytes() const { return table_ == nullptr ? 0 : table_->mapped_bytes(); }

void StoppedThreads::keep_sleepers_asleep() {
  if (table_ != nullptr) table_->keeps_sleepers.store(true, std::memory_order_release);  // guard: sleepers
}

void StoppedThreads::let_go() {
  if (helper_ != nullptr) helper_->finish();
  const bool all_left = end_round();
  if (table_ != nullptr && all_left) ThreadTable::destroy(table_);
  change_mask(&mask_before_, nullptr);
}

}  // namespace weir::leak

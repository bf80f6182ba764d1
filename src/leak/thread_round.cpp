#include "leak/thread_round.h"

#include <errno.h>

#include <new>

#include "leak/parking.h"
#include "leak/task_list.h"

namespace weir::leak {
namespace {

// Between two looks at threads that do not answer by themselves.
constexpr uint64_t kLookNs = 100'000;
// Weir's locks are held for less.
constexpr uint64_t kBusyPauseNs = 30'000;
// A thread that has not answered in this time may have ended, or block the signal by now.
constexpr uint64_t kRecheckNs = 5'000'000;
// The libc blocks all signals for a moment where threads and processes begin and end; the thread may yet have to get a processor.
constexpr uint64_t kBlockedNs = 3'000'000;
constexpr uint64_t kNotRunYetNs = 100'000'000;
// Asleep deaf to signals, as the parent is until a child of vfork's executes.
constexpr uint64_t kDeafNs = 50'000'000;

ThreadState state_of(const ThreadEntry& entry) { return entry.state.load(std::memory_order_acquire); }

}  // namespace

void ThreadRound::run() {
  find_own_numbering();
  while (add_new_tasks() != 0) {
    wait_for_answers();
    if (ran_out_of_time_) break;
  }
  for (size_t i = 0; i < table_.size(); ++i) {
    if (!is_settled(state_of(table_[i]))) give_up(table_[i]);
  }
}

// ---- Which threads there are.

void ThreadRound::find_own_numbering() {
  TaskStatus status;
  is_numbered_apart_ = !read_task_status(own_tid_, &status) || status.tid != own_tid_;
}

size_t ThreadRound::add_new_tasks() {
  added_ = 0;
  const auto visit = [](void* round, int task) { static_cast<ThreadRound*>(round)->add_task(task); };
  found_tasks_ = for_each_task(visit, this);
  return added_;
}

ThreadEntry* ThreadRound::entry_of(int task) {
  if (!is_numbered_apart_) return table_.find(task);
  for (size_t i = 0; i < table_.size(); ++i) {
    if (table_[i].task == task) return &table_[i];
  }
  return nullptr;
}

void ThreadRound::add_task(int task) {
  if (task == own_tid_ && !is_numbered_apart_) return;
  ThreadEntry* entry = entry_of(task);
  if (entry != nullptr && state_of(*entry) != ThreadState::gone) return;
  int tid = task;
  if (entry != nullptr || is_numbered_apart_) {
    TaskStatus status;
    if (!read_task_status(task, &status) || has_ended(status)) return;
    tid = status.tid;
    if (tid == own_tid_) return;
  }
  add_entry(entry, tid, task);
}

// A number may come back: where the thread that had it has ended, its entry is the new one's.
void ThreadRound::add_entry(ThreadEntry* entry, int tid, int task) {
  if (entry == nullptr) {
    entry = table_.add(tid, task);
    saw_all_ &= entry != nullptr;
  } else if (entry->thread.tid == tid) {
    entry->thread = {};
    entry->thread.tid = tid;
    entry->blocked_since_ns = 0;
    move(*entry, ThreadState::fresh);
  } else {
    return;
  }
  added_ += entry != nullptr ? 1 : 0;
}

// ---- Asking and waiting.

void ThreadRound::wait_for_answers() {
  for (;;) {
    now_ns_ = patience_.spent_ns();
    const uint32_t arrived = table_.arrived.load(std::memory_order_seq_cst);
    const size_t unsettled = step_all();
    if (unsettled == 0) return;
    if (patience_.is_over()) {
      ran_out_of_time_ = true;
      return;
    }
    if (has_new_work_) provide_helper();
    table_.awaited.store(arrived + static_cast<uint32_t>(in_flight_), std::memory_order_seq_cst);
    const uint32_t now = table_.arrived.load(std::memory_order_seq_cst);
    if (now - arrived < in_flight_ || in_flight_ == 0) wait_while(table_.arrived, now, kLookNs);
  }
}

size_t ThreadRound::step_all() {
  size_t unsettled = 0;
  in_flight_ = 0;
  for (size_t i = 0; i < table_.size(); ++i) {
    ThreadEntry& entry = table_[i];
    if (is_settled(state_of(entry))) continue;
    step(entry);
    const ThreadState state = state_of(entry);
    if (is_settled(state)) continue;
    ++unsettled;
    if (state == ThreadState::asked || state == ThreadState::being_traced) ++in_flight_;
  }
  return unsettled;
}

void ThreadRound::step(ThreadEntry& entry) {
  switch (state_of(entry)) {
    case ThreadState::fresh:
      return ask_fresh(entry);
    case ThreadState::asked:
      return look_after_asked(entry);
    case ThreadState::busy:
      // Its state is new to the stopper, which has not noted the time.
      if (now_ns_ - entry.since_ns >= kBusyPauseNs) move(entry, ThreadState::fresh);
      return;
    case ThreadState::traced:
      return check_traced(entry);
    case ThreadState::trace_failed:
      return do_without_tracing(entry);
    case ThreadState::wants_trace:
      if (is_helper_tried_ && !has_helper()) do_without_tracing(entry);
      return;
    case ThreadState::being_traced:
      return look_after_traced(entry);
    default:
      return;
  }
}

void ThreadRound::move(ThreadEntry& entry, ThreadState state) {
  entry.since_ns = now_ns_;
  entry.state.store(state, std::memory_order_release);
}

// Where all is blocked the libc may be about to give a thread its mask, a new one above all: it blocks everything for a moment.
bool ThreadRound::has_true_mask(ThreadEntry& entry, const TaskStatus& status) {
  if (holds_open(status.blocked, signal_)) return false;
  if ((status.blocked & kRealTimeSignals) != kRealTimeSignals) return true;  // guard: newborn-mask
  if (entry.blocked_since_ns == 0) entry.blocked_since_ns = now_ns_ + 1;
  return now_ns_ - entry.blocked_since_ns + 1 >= (status.state == 'R' ? kNotRunYetNs : kBlockedNs);
}

// True where that is all there was to do.
bool ThreadRound::look_at_mask(ThreadEntry& entry, const TaskStatus& status) {
  if (table_.purpose() != Purpose::true_masks) return false;
  if (has_true_mask(entry, status)) {
    give_up(entry);
    return true;
  }
  return (status.blocked & bit_of(signal_)) != 0;
}

void ThreadRound::ask_fresh(ThreadEntry& entry) {
  TaskStatus status;
  if (!read_task_status(entry.task, &status) || has_ended(status)) return move(entry, ThreadState::gone);
  if (look_at_mask(entry, status)) return;
  if (signal_ == 0 || (status.blocked & bit_of(signal_)) != 0) return wait_or_trace(entry);  // guard: blocked-signal
  entry.blocked_since_ns = 0;
  send(entry);
}

void ThreadRound::send(ThreadEntry& entry) {
  move(entry, ThreadState::asked);
  const long sent = ask_thread(entry.thread.tid, signal_);
  if (!core::failed(sent)) return;
  if (sent == -ESRCH) return move(entry, ThreadState::gone);
  if (sent == -EAGAIN) return move(entry, ThreadState::fresh);  // too many signals are queued
  move(entry, ThreadState::wants_trace);                        // a filter forbids it
  has_new_work_ = true;
}

void ThreadRound::wait_or_trace(ThreadEntry& entry) {
  if (entry.blocked_since_ns == 0) entry.blocked_since_ns = now_ns_ + 1;
  if (signal_ != 0 && now_ns_ - entry.blocked_since_ns + 1 < kBlockedNs) return;
  ThreadState before = state_of(entry);
  if (before != ThreadState::fresh && before != ThreadState::asked) return;
  entry.since_ns = now_ns_;
  if (entry.state.compare_exchange_strong(before, ThreadState::wants_trace)) has_new_work_ = true;
}

// It was not blocked when it was asked. By now it may be, or never answer.
void ThreadRound::look_after_asked(ThreadEntry& entry) {
  if (now_ns_ - entry.since_ns < kRecheckNs) return;
  TaskStatus status;
  if (!read_task_status(entry.task, &status) || has_ended(status)) return move(entry, ThreadState::gone);
  if (look_at_mask(entry, status)) return;
  if ((status.blocked & bit_of(signal_)) != 0) return wait_or_trace(entry);
  entry.blocked_since_ns = 0;
  const bool is_running = status.state == 'R' || status.state == 'S';
  if (!is_running && now_ns_ - entry.since_ns >= kDeafNs) give_up(entry);
}

// ---- The helper.

void ThreadRound::provide_helper() {
  has_new_work_ = false;
  if (!is_helper_tried_) {
    is_helper_tried_ = true;
    static_assert(sizeof(TraceHelper) <= ThreadTable::kSpareBytes);
    TaskStatus own;
    const bool is_filtered = !read_task_status(own_tid_, &own) || own.has_filter;
    auto* helper = new (table_.spare()) TraceHelper();
    if (helper->start(&table_, is_filtered)) helper_ = helper;
  }
  if (helper_ != nullptr) helper_->look_again();
}

// A filter may have killed it.
bool ThreadRound::has_helper() { return helper_ != nullptr && helper_->is_alive(); }

void ThreadRound::do_without_tracing(ThreadEntry& entry) {
  give_up(entry);
  was_denied_tracing_ |= state_of(entry) == ThreadState::unknown;
}

// It has not stopped yet. A thread that sleeps deaf to signals does not until it wakes.
void ThreadRound::look_after_traced(ThreadEntry& entry) {
  if (!has_helper()) return do_without_tracing(entry);
  if (now_ns_ - entry.since_ns < kDeafNs) return;
  TaskStatus status;
  const bool is_there = read_task_status(entry.task, &status) && !has_ended(status);
  if (!is_there || status.state == 'D') give_up(entry);
}

void ThreadRound::check_traced(ThreadEntry& entry) {
  if (!is_busy(table_, entry.thread.thread_pointer)) return move(entry, ThreadState::traced_for_good);
  entry.thread.registers_known = false;
  move(entry, ThreadState::let_go);
  has_new_work_ = true;
}

// What is left is what /proc tells. A handler that answers after all finds that nobody waits for it.
void ThreadRound::give_up(ThreadEntry& entry) {
  ThreadState before = state_of(entry);
  do {
    if (before == ThreadState::answering || is_settled(before)) return;
  } while (!entry.state.compare_exchange_weak(before, ThreadState::unknown));
  TaskStatus status;
  if (!read_task_status(entry.task, &status) || has_ended(status)) return move(entry, ThreadState::gone);
  entry.thread.thread_pointer = thread_pointer_of(entry.thread.tid);
  BlockedCall call;
  if (!read_blocked_call(entry.task, &call)) return;
  constexpr size_t kArgumentPlaces[kCallArguments] = {8, 9, 12, 2, 0, 1};  // rdi, rsi, rdx, r10, r8, r9
  entry.thread.stack_pointer = call.stack_pointer;
  for (size_t i = 0; i < kCallArguments; ++i) entry.thread.registers[kArgumentPlaces[i]] = call.arguments[i];
}

}  // namespace weir::leak

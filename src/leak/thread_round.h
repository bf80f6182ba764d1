// Asks all other threads of the process, in passes until one finds no thread that is new, and waits for their answers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "leak/futex.h"
#include "leak/task_status.h"
#include "leak/thread_table.h"
#include "leak/trace_helper.h"

namespace weir::leak {

class ThreadRound {
 public:
  // Within begin_round and end_round, with the table published. `signal` is the parking signal whose handler is installed, or 0.
  ThreadRound(ThreadTable& table, int signal, Patience& patience)
      : table_(table), signal_(signal), own_tid_(core::current_tid()), patience_(patience) {}

  // Comes back with every entry settled.
  void run();

  TraceHelper* helper() const { return helper_; }  // nullptr where none was needed
  bool found_tasks() const { return found_tasks_; }
  bool saw_all() const { return saw_all_; }  // else there are threads without an entry
  bool was_denied_tracing() const { return was_denied_tracing_; }
  bool ran_out_of_time() const { return ran_out_of_time_; }

 private:
  size_t add_new_tasks();
  void add_task(int task);
  ThreadEntry* entry_of(int task);
  void add_entry(ThreadEntry* entry, int tid, int task);
  void find_own_numbering();

  void wait_for_answers();
  size_t step_all();
  void step(ThreadEntry& entry);
  void ask_fresh(ThreadEntry& entry);
  void look_after_asked(ThreadEntry& entry);
  void wait_or_trace(ThreadEntry& entry);
  void send(ThreadEntry& entry);
  void check_traced(ThreadEntry& entry);
  void move(ThreadEntry& entry, ThreadState state);

  void provide_helper();
  bool has_helper();
  void do_without_tracing(ThreadEntry& entry);
  void look_after_traced(ThreadEntry& entry);
  void give_up(ThreadEntry& entry);
  bool has_true_mask(ThreadEntry& entry, const TaskStatus& status);
  bool look_at_mask(ThreadEntry& entry, const TaskStatus& status);

  ThreadTable& table_;
  const int signal_;
  const int own_tid_;
  Patience& patience_;
  uint64_t now_ns_ = 0;  // by patience_
  TraceHelper* helper_ = nullptr;
  size_t added_ = 0;
  size_t in_flight_ = 0;
  bool has_new_work_ = false;  // for the helper
  bool is_helper_tried_ = false;
  bool is_numbered_apart_ = false;  // /proc has other numbers for the threads than the process itself
  bool found_tasks_ = false;
  bool saw_all_ = true;
  bool was_denied_tracing_ = false;
  bool ran_out_of_time_ = false;
};

}  // namespace weir::leak

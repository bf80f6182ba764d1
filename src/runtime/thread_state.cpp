#include "runtime/thread_state.h"

#include <pthread.h>

#include "core/arena.h"

namespace weir::runtime {
namespace {

pthread_key_t end_key;
bool end_key_made;

// glibc runs a thread's destructors up to four times; waiting until the third lets others' destructors allocate and free as
// the same thread.
constexpr uint32_t kRoundsToWait = 2;

void release_state(ThreadState* state) {
  stack::release_last_stack(state->last_stack);
  track::retire_thread_counters(state->counters);
  core::arena_release(state, sizeof *state);
}

void on_thread_end(void* value) {
  core::Guard guard;
  auto* state = static_cast<ThreadState*>(value);
  if (!guard.entered() || core::thread_slot.state != state) return;
  if (state->ending_rounds++ < kRoundsToWait) {
    pthread_setspecific(end_key, state);
    return;
  }
  core::thread_slot.state = nullptr;
  release_state(state);
}

}  // namespace

ThreadState* enter_thread(const core::Inside&) {
  auto* state = core::arena_array<ThreadState>(1);
  if (state == nullptr) return nullptr;
  state->counters = track::create_thread_counters(static_cast<core::ThreadId>(core::thread_slot.thread_id));
  if (state->counters == nullptr) {
    core::arena_release(state, sizeof *state);
    return nullptr;
  }
  core::thread_slot.thread_id = core::index_of(state->counters->id);
  state->last_stack = stack::create_last_stack();
  core::thread_slot.state = state;
  if (end_key_made) pthread_setspecific(end_key, state);
  return state;
}

void replace_last_stack(ThreadState& state) { state.last_stack = stack::create_last_stack(); }

void prepare_thread_ends() {
  if (!end_key_made) end_key_made = pthread_key_create(&end_key, &on_thread_end) == 0;
}

void thread_states_reset_after_fork() {
  auto* state = static_cast<ThreadState*>(core::thread_slot.state);
  track::thread_counters_reset_after_fork(state == nullptr ? nullptr : state->counters);
}

}  // namespace weir::runtime

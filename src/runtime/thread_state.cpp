#include "runtime/thread_state.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/auxv.h>

#include <atomic>

#include "core/arena.h"
#include "core/confinement.h"
#include "core/spin_lock.h"
#include "core/system_call.h"
#include "leak/ignored.h"
#include "leak/noted_threads.h"
#include "runtime/control.h"
#include "runtime/control_opening.h"
#include "runtime/timeline.h"
#include "track/plain_blocks.h"
#include "track/sampling.h"

namespace weir::runtime {
namespace {

pthread_key_t end_key;
bool end_key_made;
bool plain_path_allowed;

// glibc runs a thread's destructors up to four times; waiting until the third lets others' destructors allocate and free as
// the same thread.
constexpr uint32_t kRoundsToWait = 2;
// More than the libc frees of a thread. Who comes oftener goes on to live: the last thread runs the exit's functions.
constexpr uint8_t kMostLateEvents = 32;

core::SpinLock states_lock;
ThreadState* first_state;

void link_state(ThreadState* state) {
  const core::LockScope scope(states_lock);
  state->next = first_state;
  first_state = state;
}

void unlink_state(const ThreadState* state) {
  const core::LockScope scope(states_lock);
  ThreadState** link = &first_state;
  while (*link != state) link = &(*link)->next;
  *link = state->next;
}

std::atomic<uint32_t> tick_generation;  // rises before the threads' readings of the clock are made void

// Whether the thread's next event would have a tick from before `tick`. The thread may be changing both at this moment.
bool has_older_tick(const ThreadState& state, uint64_t tick) {
  return __atomic_load_n(&state.events_on_tick, __ATOMIC_RELAXED) > 0 &&
         __atomic_load_n(&state.tick, __ATOMIC_RELAXED) < tick;
}

// Whether there were any.
bool void_older_ticks(uint64_t tick) {
  bool is_found = false;
  for (ThreadState* state = first_state; state != nullptr; state = state->next) {
    if (!has_older_tick(*state, tick)) continue;
    __atomic_store_n(&state->events_on_tick, 0, __ATOMIC_SEQ_CST);  // guard: recording-ticks
    is_found = true;
  }
  return is_found;
}

// Where the kernel does not do it: a while in which processors write what they hold back.
void wait_instead_of_barrier() {
  constexpr int kPauses = 2000;
  for (int i = 0; i < kPauses; ++i) __builtin_ia32_pause();
}

void pass_barrier_in_all_threads() {
  if (core::system_calls_restricted()) return wait_instead_of_barrier();
  const auto pass = [] { return core::system_call(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0); };
  if (pass() == 0) return;
  core::system_call(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0);
  if (pass() != 0) wait_instead_of_barrier();
}

void begin_sampling(ThreadState& state) {
  state.random_state = track::random_seed(reinterpret_cast<const void*>(getauxval(AT_RANDOM)), state.counters->id);
  core::thread_slot.sample_left = track::draw_distance(state.random_state, track::sampling_mean);
}

// What is remembered of the thread's latest allocation, which the next one takes up.
void forget_latest(ThreadState& state) {
  state.last_block = kNoBlock;  // guard: last-block-of-parent
  state.counted_stack = core::StackId::unknown;
  state.counted_stack_counters = &track::counters_of(core::StackId::unknown);
}

void release_state(ThreadState* state) {
  unlink_state(state);
  stack::release_last_stack(state->last_stack);
  track::retire_thread_counters(state->counters);
  core::arena_release(state, sizeof *state);
}

void forget_state(ThreadState* state) {
  core::thread_slot.plain_state_outside = nullptr;
  core::thread_slot.state = nullptr;
  release_state(state);
}

void on_thread_end(void* value) {
  core::Guard guard;
  auto* state = static_cast<ThreadState*>(value);
  if (!guard.entered() || core::thread_slot.state != state) return;
  if (state->ending_rounds++ < kRoundsToWait) {
    pthread_setspecific(end_key, state);
    return;
  }
  core::thread_slot.has_ended = true;
  core::thread_slot.late_events_left = kMostLateEvents;
  forget_state(state);
}

// A reading that read_ticks_anew() made too old before it was stored is made again.
void read_clock(ThreadState& state) {
  uint32_t generation = 0;
  do {
    generation = tick_generation.load(std::memory_order_acquire);
    __builtin_ia32_lfence();  // else the counter may be read before
    state.tick = core::current_tick();
    state.events_on_tick = kEventsPerTick;
    asm volatile("" ::: "memory");
  } while (tick_generation.load(std::memory_order_relaxed) != generation);
  state.plain_word1 = track::plain_word1(state.counters->id, state.tick);
  for (size_t family = 0; family < track::kFamilies; ++family) {
    state.freed_word1[family] =
        track::freed_word1(static_cast<uint64_t>(family) << track::kFamilyShift, {state.counters->id, state.tick});
  }
}

}  // namespace

ThreadState* enter_thread(const core::Inside& inside) {
  auto* state = core::arena_array<ThreadState>(1);
  if (state == nullptr) return nullptr;
  state->counters = track::create_thread_counters(static_cast<core::ThreadId>(core::thread_slot.thread_id));
  if (state->counters == nullptr) {
    core::arena_release(state, sizeof *state);
    return nullptr;
  }
  core::thread_slot.thread_id = core::index_of(state->counters->id);
  state->last_stack = stack::create_last_stack();
  state->last_block = kNoBlock;
  state->counted_stack_counters = &track::counters_of(core::StackId::unknown);
  link_state(state);
  core::thread_slot.state = state;
  read_clock(*state);  // for frees that come before the first allocation, which reads it anew
  state->events_on_tick = 0;
  if (track::sampling()) begin_sampling(*state);
  choose_path(inside, *state);
  if (end_key_made && !core::thread_slot.has_ended) pthread_setspecific(end_key, state);
  leak::note_thread(reinterpret_cast<uintptr_t>(__builtin_thread_pointer()));
  return state;
}

void forget_late_state() {
  --core::thread_slot.late_events_left;
  auto* state = static_cast<ThreadState*>(core::thread_slot.state);
  if (state != nullptr) forget_state(state);
}

void read_tick(ThreadState& state) {
  if (is_control_asked()) [[unlikely]]
    serve_control_inside(core::PlainGuard::token());
  read_clock(state);
  if (is_time_for_control(state.tick)) [[unlikely]]
    open_control_in_time();
  note_time(core::PlainGuard::token(), state.tick);
}

// A thread counts its events down in place, by one instruction that is not atomic for others: a word that is stored here meanwhile may be
// lost. The barrier in all threads leaves none of them in the middle of it, nor between the clock and what it read of it: what still is an
// old reading then is one for which the word was lost, and it is stored again.
void read_ticks_anew(const core::Inside&) {
  constexpr int kMostRounds = 1000;
  const uint64_t now = core::current_tick();
  const core::LockScope scope(states_lock);
  tick_generation.fetch_add(1, std::memory_order_seq_cst);
  void_older_ticks(now);
  for (int round = 0; round < kMostRounds && !track::single_threaded(); ++round) {
    pass_barrier_in_all_threads();
    if (!void_older_ticks(now)) break;
  }
}

bool draw(ThreadState& state, size_t bytes) {
  int64_t& left = core::thread_slot.sample_left;
  left -= track::drawn_bytes(bytes);
  if (left >= 0) [[likely]]
    return false;
  left = track::draw_distance(state.random_state, track::sampling_mean);
  if (!track::draws()) return false;
  state.left_at_sample = left;
  read_tick(state);  // the last reading may be long ago
  return true;
}

void choose_path(const core::Inside&, const ThreadState& state) {
  void* chosen = nullptr;
  const bool may_stay = core::thread_slot.late_events_left == 0;
  if (plain_path_allowed && may_stay && state.last_stack != nullptr && !leak::is_ignoring()) {  // guard: ignoring-path
    chosen = track::sampling() ? core::PlainGuard::sampling_state() : const_cast<ThreadState*>(&state);
  }
  core::thread_slot.plain_state_outside = chosen;
}

void allow_plain_path(bool allowed) { plain_path_allowed = allowed; }

// The remembered stack that is half changed is left alone.
void mend_state(ThreadState& state) {
  state.last_stack = stack::create_last_stack();
  if (state.last_stack == nullptr) core::thread_slot.plain_state_outside = nullptr;
  forget_latest(state);
  core::thread_slot.moving_blocks = 0;
}

void prepare_thread_ends() {
  if (!end_key_made) end_key_made = pthread_key_create(&end_key, &on_thread_end) == 0;
}

void thread_states_reset_after_fork() {
  auto* state = static_cast<ThreadState*>(core::thread_slot.state);
  track::thread_counters_reset_after_fork(state == nullptr ? nullptr : state->counters);
  states_lock.reset_after_fork();
  first_state = state;
  if (state == nullptr) return;
  state->next = nullptr;
  read_clock(*state);
  state->events_on_tick = 0;  // the last reading was the parent's
  forget_latest(*state);
}

}  // namespace weir::runtime

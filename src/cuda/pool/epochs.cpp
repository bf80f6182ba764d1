#include "cuda/pool/epochs.h"

#include "cuda/capture.h"
#include "cuda/driver.h"
#include "cuda/pool/current_for.h"
#include "cuda/pool/pool_state.h"

namespace weir::cuda::pool {
namespace {

constexpr unsigned kWithoutTiming = 2;  // CU_EVENT_DISABLE_TIMING
constexpr auto kNotReady = static_cast<Result>(600);

// One thread at a time asks about a context. False where another does.
bool begin_asking(ContextState& state) {
  const PoolLock lock(pool_state.lock);
  if (state.is_asked || !state.is_alive || state.endings != 0 || state.is_broken) return false;
  state.is_asked = true;
  return true;
}

void end_asking(ContextState& state) {
  const PoolLock lock(pool_state.lock);
  state.is_asked = false;
}

void raise_done_number(ContextState& state, uint64_t free_number) {
  if (state.done_number >= free_number) return;
  state.done_number = free_number;
  update_done_in_all_contexts();
}

Figures& figures_of(const ContextState& state) { return pool_state.figures(Memory::device, state.device); }

// The context is current.
Event event_for(ContextState& state) {
  if (state.spare_count != 0) return state.spare[--state.spare_count];
  Event event = nullptr;
  return driver_queries().create_event(&event, kWithoutTiming) == Result::success ? event : nullptr;
}

void drop_recorded(ContextState& state, size_t count) {
  for (size_t i = 0; i < count; ++i) state.spare[state.spare_count++] = state.recorded[i].event;
  for (size_t i = count; i < state.recorded_count; ++i) state.recorded[i - count] = state.recorded[i];
  state.recorded_count -= count;
}

// Which of the recorded ones tells that the work before the free is done; recorded_count: none does.
size_t covering(const ContextState& state, uint64_t free_number) {
  size_t place = 0;
  while (place < state.recorded_count && state.recorded[place].free_number < free_number) ++place;
  return place;
}

// Covers everything that was freed until now. Where there are too many already the latest is recorded anew.
bool record(ContextState& state) {
  if (state.recorded_count == kMostRecordedEvents) {
    state.spare[state.spare_count++] = state.recorded[--state.recorded_count].event;
  }
  const Event event = event_for(state);
  if (event == nullptr) return false;
  const uint64_t free_number = last_free_number();
  if (driver_queries().record_context(reinterpret_cast<Context>(state.handle), event) != Result::success) {
    state.spare[state.spare_count++] = event;
    return false;
  }
  state.recorded[state.recorded_count++] = {event, free_number};
  const PoolLock lock(pool_state.lock);
  ++figures_of(state).record_count;
  return true;
}

bool query(ContextState& state, size_t place, IfNot if_not) {
  const uint64_t free_number = state.recorded[place].free_number;
  const auto ask = if_not == IfNot::wait ? driver_queries().wait_for_event : driver_queries().query_event;
  const CaptureRelaxed relaxed;  // one that began during a wait before this one
  const Result result = ask(state.recorded[place].event);
  if (result == Result::success) drop_recorded(state, place + 1);
  const PoolLock lock(pool_state.lock);
  ++figures_of(state).query_count;
  if (result == Result::success) raise_done_number(state, free_number);
  if (result != Result::success && result != kNotReady) state.is_broken = state.is_broken || is_sticky(result);
  return result == Result::success;
}

bool ask(const Call& call, ContextState& state, uint64_t free_number, IfNot if_not) {
  const InDriver in_driver(call.caller.sp);
  const CurrentFor current(call, state.handle);
  if (!current.is_current()) return false;
  size_t place = covering(state, free_number);
  if (place == state.recorded_count) {
    if (!record(state)) return false;
    place = state.recorded_count - 1;
  }
  return query(state, place, if_not);
}

struct BehindContexts {
  explicit BehindContexts(uint64_t number) : free_number(number) {}

  uint64_t free_number;
  size_t count = 0;
  ContextState* states[kMostContexts];  // as many as are counted
};

void collect_behind(void* argument, ContextState& state) {
  auto& behind = *static_cast<BehindContexts*>(argument);
  if (state.done_number < behind.free_number) behind.states[behind.count++] = &state;
}

// A green context's is its primary's.
bool is_work_of(const ContextState* context, const ContextState& state) {
  return context != nullptr && (context == &state || context->owner == &state);
}

// Asks those that are still behind, up to the first that is not done, or all of them.
enum class Ask : uint8_t { up_to_first, all };
bool ask_contexts(const Call& call, const BehindContexts& behind, IfNot if_not, Ask which) {
  const ContextState* const own = current_context(call);
  bool all_done = true;
  for (size_t i = 0; i < behind.count && (all_done || which == Ask::all); ++i) {
    ContextState& state = *behind.states[i];
    if (state.done_number >= behind.free_number) continue;
    if (!begin_asking(state)) {
      all_done = false;
      continue;
    }
    const bool waits = if_not == IfNot::wait || (if_not == IfNot::wait_for_own && is_work_of(own, state));
    all_done = ask(call, state, behind.free_number, waits ? IfNot::wait : IfNot::say_so) && all_done;
    end_asking(state);
  }
  return all_done;
}

}  // namespace

uint64_t last_free_number() {
  const PoolLock lock(pool_state.lock);
  return pool_state.last_free_number;
}

void note_synchronised(ContextState& state, uint64_t free_number) {
  const PoolLock lock(pool_state.lock);
  if (state.is_alive) raise_done_number(state, free_number);
}

bool is_done(const Call& call, uint64_t free_number, IfNot if_not) {
  if (done_in_all_contexts() >= free_number) return true;
  const OutsideCaptures outside;
  if (!outside || !can_record()) return false;
  BehindContexts behind(free_number);
  {
    const PoolLock lock(pool_state.lock);
    for_each_live_context(&collect_behind, &behind);
  }
  // All events are recorded before the first wait: a capture that begins during one would be spoilt by a record.
  if (if_not != IfNot::say_so && behind.count > 1) ask_contexts(call, behind, IfNot::say_so, Ask::all);
  return ask_contexts(call, behind, if_not, Ask::up_to_first);
}

LegacyStreamWait::LegacyStreamWait(const Call& call) {
  if (!has_blocks()) return;
  ContextState* state = current_context(call);
  if (state == nullptr || !is_ordered(*state)) return;
  state_ = state;
  free_number_ = last_free_number();
}

// A stream that was created meanwhile may have work by now.
void LegacyStreamWait::finish(Result result) const {
  if (result == Result::success && state_ != nullptr && is_ordered(*state_)) note_synchronised(*state_, free_number_);
}

bool can_record() {
  const DriverQueries& driver = driver_queries();
  return driver.record_context != nullptr && driver.create_event != nullptr && driver.query_event != nullptr &&
         driver.wait_for_event != nullptr && driver.push_context != nullptr && driver.pop_context != nullptr;
}

}  // namespace weir::cuda::pool

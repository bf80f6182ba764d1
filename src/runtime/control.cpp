#include "runtime/control.h"

#include <errno.h>

#include <atomic>
#include <cstring>

#include "core/clock.h"
#include "core/confinement.h"
#include "core/print.h"
#include "core/scratch.h"
#include "cuda/allocation_table.h"
#include "cuda/call.h"
#include "cuda/control.h"
#include "cuda/pool/pool_control.h"
#include "options/options.h"
#include "runtime/control_file.h"
#include "runtime/device_pool_settings.h"
#include "runtime/pool_interface.h"
#include "runtime/process.h"
#include "runtime/process_snapshot.h"
#include "runtime/recording.h"
#include "runtime/waking.h"

namespace weir::runtime {

namespace {

constexpr uint64_t kNever = UINT64_MAX;
constexpr uint64_t kOpeningAge = uint64_t{1} << 11;  // ticks: some 25 ms

}  // namespace

constinit std::atomic<uint64_t> control_opening_tick{kOpeningAge};

namespace {

using control::Action;
using control::ControlPage;
using control::Outcome;

// Figures are brought up to date so often at the most, and in no more than a hundredth of the time.
constexpr uint64_t kCyclesBetweenFigures = uint64_t{1} << 25;  // about 10 ms
constexpr uint64_t kShareOfTime = 100;

enum class State : uint8_t { none, open, closed };

// One thread serves; others pass by. No lock of Weir's: what is asked calls the driver.
std::atomic<bool> is_serving{false};
std::atomic<State> state{State::none};
std::atomic<ControlPage*> page{nullptr};  // there where the state is open
uint64_t next_figures_cycles;             // of the thread that serves
static_assert(control::kMostPools == 2 + cuda::kMostDevices);

bool may_serve() {
  return process_stage.load(std::memory_order_acquire) == Stage::tracking && !core::system_calls_restricted() &&
         !cuda::holds_lock() && state.load(std::memory_order_acquire) != State::closed;
}

ControlPage* open_page() {
  ControlPage* made = make_control_file();
  page.store(made, std::memory_order_release);
  state.store(made == nullptr ? State::closed : State::open, std::memory_order_release);
  control_opening_tick.store(kNever, std::memory_order_relaxed);
  if (made == nullptr) return nullptr;
  cuda::control_attention.store(&made->attention, std::memory_order_release);
  publish_waking();
  return made;
}

// ---- Figures ----

void write_pool(ControlPage& to, int pool, uint64_t now_ns) {
  weir_pool_stats stats{};
  if (to.pool_count >= control::kMostPools || !read_pool_figures(pool, &stats)) return;
  if (pool == WEIR_PINNED_POOL && stats.alloc_count == 0) return;
  to.pools[to.pool_count++] = {pool, now_ns, stats};
}

// The host's, which take long to read, are left as they are where they are not asked for.
void write_figures(ControlPage& to, bool with_host) {
  const uint64_t now_ns = core::read_clock_pair().ns;
  const bool keeps_host = !with_host && to.pool_count > 0 && to.pools[0].pool == WEIR_HOST_POOL;
  to.pool_count = keeps_host ? 1 : 0;
  if (with_host) write_pool(to, WEIR_HOST_POOL, now_ns);
  write_pool(to, WEIR_PINNED_POOL, now_ns);
  for (int device = 0; device < cuda::kMostDevices; ++device) {
    if (is_device_used(device)) write_pool(to, device, now_ns);
  }
  to.mode = pool_choice_of(cuda::pool::mode());
  const char* limitation = cuda::pool::limitation();
  strncpy(to.limitation, limitation == nullptr ? "" : limitation, sizeof to.limitation - 1);
}

void publish(ControlPage& to, bool with_host) {
  const uint64_t start = core::read_cycles();
  const uint32_t version = to.figures_version.load(std::memory_order_relaxed) | 1U;
  to.figures_version.store(version, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  write_figures(to, with_host);
  to.figures_version.store(version + 1, std::memory_order_release);
  const uint64_t end = core::read_cycles();
  const uint64_t pause = (end - start) * kShareOfTime;
  next_figures_cycles = end + (pause > kCyclesBetweenFigures ? pause : kCyclesBetweenFigures);
}

bool figures_are_old() { return core::read_cycles() >= next_figures_cycles; }

// ---- What is asked ----

struct Answer {
  Outcome outcome;
  uint64_t bytes;
};

Answer answer_to(Action action, uint64_t argument) {
  switch (action) {
    case Action::stats:
      return {Outcome::done, 0};
    case Action::trim:
      return {Outcome::done, trim_pools(argument)};
    case Action::compact:
      return {Outcome::done, compact_pools()};
    case Action::set_mode:
      return {change_pool_mode(argument) ? Outcome::done : Outcome::refused, 0};
    case Action::record:
      return {set_recording(argument != 0) ? Outcome::done : Outcome::refused, 0};
    case Action::snapshot:
      break;  // answer_snapshot
  }
  return {Outcome::refused, 0};
}

template <class Do>
void answer(control::Request& request, const Do& act) {
  const uint32_t number = request.asked_number.load(std::memory_order_acquire);
  const Answer answer = act(request.argument.load(std::memory_order_relaxed));
  request.bytes.store(answer.bytes, std::memory_order_relaxed);
  request.outcome.store(answer.outcome, std::memory_order_relaxed);
  request.answered_number.store(number, std::memory_order_release);
}

void answer_request(ControlPage& to, Action action) {
  answer(to.request(action), [&](uint64_t argument) {
    const Answer result = answer_to(action, argument);
    publish(to, action == Action::stats);
    return result;
  });
}

// What the other side writes may change at any time: this is a copy.
struct PathCopy {
  char text[control::kPathBytes];

  void take(const char* path) { core::TextBuffer(text).text(path, strnlen(path, sizeof text - 1)); }
};

Answer snapshot_for(const core::Inside& inside, control::SnapshotPlace& place) {
  core::ScratchArray<PathCopy> asked;
  core::ScratchArray<report::WrittenReport> written;
  int error = ENOMEM;
  Snapshot result = Snapshot::not_written;
  if (asked.resize(1) && written.resize(1)) {
    asked[0].take(place.asked_path);
    const char* pattern = asked[0].text[0] == '\0' ? nullptr : asked[0].text;
    result = take_snapshot(inside, pattern, &written[0], &error);
    core::TextBuffer(place.path).text(written[0].path);
  }
  place.error.store(result == Snapshot::not_written ? error : 0, std::memory_order_relaxed);
  return {result == Snapshot::written ? Outcome::done : Outcome::refused, 0};
}

void answer_snapshot(const core::Inside& inside, ControlPage& to) {
  control::Request& request = to.request(Action::snapshot);
  if (!request.is_pending()) return;
  to.snapshot.begun_number.store(request.asked_number.load(std::memory_order_relaxed), std::memory_order_release);
  answer(request, [&](uint64_t) { return snapshot_for(inside, to.snapshot); });
}

bool is_anything_pending(const ControlPage& to) {
  for (const control::Request& request : to.requests) {
    if (request.is_pending()) return true;
  }
  return false;
}

// Asked for meanwhile it is set again, and what waits for a call of CUDA's keeps it up.
void lower_attention(ControlPage& to) {
  to.attention.store(0, std::memory_order_seq_cst);
  if (is_anything_pending(to)) to.attention.store(1, std::memory_order_seq_cst);
}

void answer_requests(ControlPage& to) {
  to.attention.store(0, std::memory_order_seq_cst);  // first: what is asked meanwhile sets it again
  for (size_t i = 0; i < control::kActions; ++i) {
    const auto action = static_cast<Action>(i);
    if (action != Action::snapshot && to.requests[i].is_pending()) answer_request(to, action);
  }
  const core::Guard guard;
  if (guard.entered()) answer_snapshot(guard.token(), to);
}

// A child of vfork's, or of a clone that no handler saw, has this memory and is not this process.
void serve() {
  ControlPage* to = page.load(std::memory_order_acquire);
  const bool is_new = state.load(std::memory_order_acquire) == State::none;
  const bool is_asked = !is_new && to->attention.load(std::memory_order_relaxed) != 0;
  if (!(is_new || is_asked || figures_are_old()) || !is_own_process()) return;  // guard: control-own-process
  if (is_new) to = open_page();
  if (to == nullptr) return;
  to->uses_cuda.store(1, std::memory_order_relaxed);
  if (is_asked) {
    answer_requests(*to);
  } else {
    publish(*to, false);
  }
}

}  // namespace

void serve_control() {
  if (!may_serve() || is_serving.exchange(true, std::memory_order_acquire)) return;
  serve();
  is_serving.store(false, std::memory_order_release);
}

// `attention` stays set: what else is asked waits for a call of CUDA's.
void serve_control_inside(const core::Inside& inside) {
  ControlPage* to = page.load(std::memory_order_acquire);
  if (to == nullptr || !to->request(Action::record).is_pending() || !may_serve()) return;
  if (is_serving.exchange(true, std::memory_order_acquire)) return;
  if (is_own_process()) {
    answer(to->request(Action::record), [&](uint64_t argument) {
      set_recording(inside, argument != 0);
      return Answer{Outcome::done, 0};
    });
  }
  is_serving.store(false, std::memory_order_release);
}

void serve_snapshot(const core::Inside& inside) {
  ControlPage* to = page.load(std::memory_order_acquire);
  if (to == nullptr || !to->request(Action::snapshot).is_pending() || !may_serve()) return;
  if (is_serving.exchange(true, std::memory_order_acquire)) return;
  if (is_own_process()) answer_snapshot(inside, *to);
  lower_attention(*to);
  is_serving.store(false, std::memory_order_release);
}

namespace {

void open_now() {
  if (is_serving.exchange(true, std::memory_order_acquire)) return;
  if (state.load(std::memory_order_acquire) == State::none && is_own_process()) open_page();
  is_serving.store(false, std::memory_order_release);
}

}  // namespace

void open_control_early() {
  if (!options::current().start && options::current().ctl && may_serve()) open_now();
}

void open_control_in_time() {
  if (!options::current().ctl) {
    control_opening_tick.store(kNever, std::memory_order_relaxed);
  } else if (may_serve()) {
    open_now();
  }
}

control::ControlPage* control_page() {
  return state.load(std::memory_order_acquire) == State::open ? page.load(std::memory_order_acquire) : nullptr;
}

void close_control() {
  control_opening_tick.store(kNever, std::memory_order_relaxed);
  if (state.exchange(State::closed, std::memory_order_acq_rel) != State::open) return;
  cuda::control_attention.store(nullptr, std::memory_order_release);
  remove_control_file();
}

// With a new page: the old one, whose file is gone, stays mapped, as another thread may be looking at it.
void reopen_control() {
  State closed = State::closed;
  if (page.load(std::memory_order_acquire) != nullptr) state.compare_exchange_strong(closed, State::none);
  control_opening_tick.store(0, std::memory_order_relaxed);
}

void control_reset_after_fork() {
  control_opening_tick.store(core::current_tick() + kOpeningAge, std::memory_order_relaxed);
  if (page.load(std::memory_order_relaxed) == nullptr) return;
  waking_reset_after_fork();
  cuda::control_attention.store(nullptr, std::memory_order_relaxed);
  // Where a signal handler forked that had interrupted the server, the server goes on in the child.
  forget_control_file(/*unmap=*/!is_serving.load(std::memory_order_relaxed));
  page.store(nullptr, std::memory_order_relaxed);
  next_figures_cycles = 0;
  is_serving.store(false, std::memory_order_relaxed);
  state.store(State::none, std::memory_order_relaxed);
}

}  // namespace weir::runtime

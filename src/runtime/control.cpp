#include "runtime/control.h"

#include <errno.h>

#include <atomic>
#include <cstring>

#include "core/clock.h"
#include "core/print.h"
#include "core/scratch.h"
#include "cuda/allocation_table.h"
#include "cuda/control.h"
#include "cuda/pool/pool_control.h"
#include "options/options.h"
#include "runtime/control_opening.h"
#include "runtime/device_pool_settings.h"
#include "runtime/pool_interface.h"
#include "runtime/process.h"
#include "runtime/process_snapshot.h"
#include "runtime/recording.h"

namespace weir::runtime {

namespace {

using control::Action;
using control::ControlPage;
using control::Outcome;

// Figures are brought up to date so often at the most, and in no more than a hundredth of the time.
constexpr uint64_t kCyclesBetweenFigures = uint64_t{1} << 25;  // about 10 ms
constexpr uint64_t kShareOfTime = 100;

static_assert(control::kMostPools == 2 + cuda::kMostDevices);

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
  control_figures_cycles = end + (pause > kCyclesBetweenFigures ? pause : kCyclesBetweenFigures);
}

bool figures_are_old() { return core::read_cycles() >= control_figures_cycles; }

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

Answer snapshot_for(const core::Inside& inside, control::SnapshotPlace& place, bool is_quick) {
  core::ScratchArray<PathCopy> asked;
  core::ScratchArray<report::WrittenReport> written;
  int error = ENOMEM;
  Snapshot result = Snapshot::not_written;
  if (asked.resize(1) && written.resize(1)) {
    asked[0].take(place.asked_path);
    const char* pattern = asked[0].text[0] == '\0' ? nullptr : asked[0].text;
    result = take_snapshot(inside, {pattern, !is_quick}, &written[0], &error);
    core::TextBuffer(place.path).text(written[0].path);
  }
  place.error.store(result == Snapshot::not_written ? error : 0, std::memory_order_relaxed);
  return {result == Snapshot::written ? Outcome::done : Outcome::refused, 0};
}

void answer_snapshot(const core::Inside& inside, ControlPage& to) {
  control::Request& request = to.request(Action::snapshot);
  if (!request.is_pending()) return;
  to.snapshot.begun_number.store(request.asked_number.load(std::memory_order_relaxed), std::memory_order_release);
  answer(request, [&](uint64_t argument) { return snapshot_for(inside, to.snapshot, argument != 0); });
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
  const bool is_new = is_control_to_be_made();
  ControlPage* to = is_new ? nullptr : control_page();
  const bool is_asked = to != nullptr && to->attention.load(std::memory_order_relaxed) != 0;
  if (!(is_new || is_asked || figures_are_old()) || !is_own_process()) return;  // guard: control-own-process
  if (is_new) to = make_control_page();
  if (to == nullptr) return;
  to->uses_cuda.store(1, std::memory_order_relaxed);
  if (is_asked) {
    answer_requests(*to);
  } else {
    publish(*to, false);
  }
}

bool is_asked_for(const ControlPage* to, Action action) {
  return to != nullptr && to->requests[static_cast<size_t>(action)].is_pending() && may_serve_control();
}

}  // namespace

void serve_control() {
  if (!may_serve_control()) return;
  const ControlTurn turn;
  if (turn.taken()) serve();
}

// `attention` stays set: what else is asked waits for a call of CUDA's.
void serve_control_inside(const core::Inside& inside) {
  ControlPage* to = control_page();
  if (!is_asked_for(to, Action::record)) return;
  const ControlTurn turn;
  if (!turn.taken() || !is_own_process()) return;
  answer(to->request(Action::record), [&](uint64_t argument) {
    set_recording(inside, argument != 0);
    return Answer{Outcome::done, 0};
  });
}

void serve_snapshot(const core::Inside& inside) {
  ControlPage* to = control_page();
  if (!is_asked_for(to, Action::snapshot) && !is_asked_for(to, Action::stats)) return;
  const ControlTurn turn;
  if (!turn.taken()) return;
  if (is_own_process()) {
    if (to->request(Action::stats).is_pending()) answer_request(*to, Action::stats);
    answer_snapshot(inside, *to);
  }
  lower_attention(*to);
}

}  // namespace weir::runtime

#include "cuda/running_captures.h"

#include <sys/syscall.h>

#include <atomic>

#include "core/arena.h"
#include "core/clock.h"
#include "core/confinement.h"
#include "core/spin_lock.h"
#include "core/system_call.h"
#include "core/thread_slot.h"
#include "cuda/driver.h"

namespace weir::cuda {
namespace {

struct Running {
  CaptureOrigin origin;
  uint64_t number;
  Running* next;
};

std::atomic<int> count{0};
std::atomic<uint64_t> last_number{0};
std::atomic<int> own_calls{0};  // of Weir's that no capture may meet

core::SpinLock following;    // guards what follows; never held while the driver runs
Running* running = nullptr;  // of those that are counted, all that have begun

void wait_for_own_calls() {
  constexpr uint64_t kLongestNs = 500'000'000;
  uint64_t end = 0;
  while (own_calls.load(std::memory_order_seq_cst) != 0) {  // guard: capture-lock
    const uint64_t now = core::read_clock_pair().ns;
    if (end == 0) end = now + kLongestNs;
    if (now > end) return;
    if (!core::system_calls_restricted()) core::system_call(SYS_sched_yield);
  }
}

void uncount() {
  int before = count.load(std::memory_order_relaxed);
  while (before > 0 && !count.compare_exchange_weak(before, before - 1, std::memory_order_relaxed)) {
  }
}

// Where memory is out, the capture stays counted for good.
void follow(const CaptureOrigin& origin) {
  const core::LockScope scope(following);
  auto* const one = core::arena_array<Running>(1);
  if (one == nullptr) return;
  *one = {origin, last_number.fetch_add(1, std::memory_order_relaxed) + 1, running};
  running = one;
}

template <class Is>
void end_where(uint64_t last, const Is& is) {
  if (!any_capture()) return;
  const core::LockScope scope(following);
  for (Running** link = &running; *link != nullptr;) {
    Running* const one = *link;
    if (one->number > last || !is(one->origin)) {
      link = &one->next;
      continue;
    }
    *link = one->next;
    core::arena_release(one, sizeof *one);
    uncount();
  }
}

void end_same(uint64_t last, const CaptureOrigin& ended) {
  end_where(last, [&](const CaptureOrigin& origin) { return origin.is_same(ended); });
}

// What the driver does not tell is 0.
CaptureOrigin origin_in(const Call& call, Stream stream) {
  const DriverQueries& driver = driver_queries();
  const uint64_t number = call.number_of(stream);
  Context context = nullptr;
  GreenContext green = nullptr;
  if (driver.get_stream_contexts != nullptr) {
    driver.get_stream_contexts(reinterpret_cast<Stream>(number), &context, &green);
  } else if (driver.get_stream_context != nullptr) {
    driver.get_stream_context(reinterpret_cast<Stream>(number), &context);
  }
  const void* const thread = number == kPerThreadStream ? &core::thread_slot : nullptr;
  return {number, thread, reinterpret_cast<uint64_t>(context), reinterpret_cast<uint64_t>(green)};
}

}  // namespace

// The stream is asked before: later it is being captured.
CaptureBeginning::CaptureBeginning(const Call& call, Stream stream) : origin_(origin_in(call, stream)) {
  count.fetch_add(1, std::memory_order_seq_cst);
  wait_for_own_calls();
}

void CaptureBeginning::finish(Result result) const {
  if (result != Result::success) return uncount();
  end_same(UINT64_MAX, origin_);  // whose end was missed
  follow(origin_);
}

uint64_t last_capture() { return last_number.load(std::memory_order_relaxed); }

void note_capture_ended(const Call& call, Stream stream, uint64_t last) { end_same(last, origin_in(call, stream)); }

void note_captures_ended_with_stream(Stream stream, uint64_t last) {
  const auto number = reinterpret_cast<uint64_t>(stream);
  end_where(last, [&](const CaptureOrigin& origin) { return origin.stream == number && origin.thread == nullptr; });
}

void note_captures_ended_with_context(uint64_t context, uint64_t last) {
  end_where(last, [&](const CaptureOrigin& origin) { return context != 0 && origin.context == context; });
}

void note_captures_ended_with_green_context(GreenContext context, uint64_t last) {
  const auto green = reinterpret_cast<uint64_t>(context);
  end_where(last, [&](const CaptureOrigin& origin) { return green != 0 && origin.green == green; });
}

bool any_capture() { return count.load(std::memory_order_relaxed) != 0; }

// The count is raised before captures are looked for, and a capture is counted before own calls are looked for: one sees the other.
OutsideCaptures::OutsideCaptures() {
  own_calls.fetch_add(1, std::memory_order_seq_cst);
  is_outside_ = count.load(std::memory_order_seq_cst) == 0;
}

OutsideCaptures::~OutsideCaptures() { own_calls.fetch_sub(1, std::memory_order_release); }

void forget_captures() {
  const core::LockScope scope(following);
  count.store(0, std::memory_order_relaxed);
  while (running != nullptr) {
    Running* const one = running;
    running = one->next;
    core::arena_release(one, sizeof *one);
  }
}

void running_captures_reset_after_fork() {
  following.reset_after_fork();
  count.store(0, std::memory_order_relaxed);
  running = nullptr;  // another thread of the parent's may have been in the middle of a change
  own_calls.store(0, std::memory_order_relaxed);
}

}  // namespace weir::cuda

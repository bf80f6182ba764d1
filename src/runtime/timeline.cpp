#include "runtime/timeline.h"

#include <signal.h>
#include <sys/resource.h>

#include "core/file_text.h"
#include "core/system_call.h"
#include "cuda/allocation_table.h"
#include "cuda/pool/pool_control.h"
#include "leak/signal_set.h"
#include "options/options.h"
#include "pool/pool_memory.h"
#include "report/device_point.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "track/mapping_table.h"
#include "track/thread_counters.h"

namespace weir::runtime {
namespace {

using track::timeline;

static_assert(track::kMostTimelineDevices == cuda::kMostDevices);

constexpr uint64_t kShareOfTime = 100;

uint64_t interval_ticks;  // 0: not known yet. What a tick takes is told by the clock, once some time has passed

uint64_t cost_ns;  // of a point, estimated

uint64_t ticks_of_cycles(uint64_t cycles) { return cycles >> core::kTickShift; }

void set_next_point(uint64_t tick) { track::next_point_tick.store(tick, std::memory_order_relaxed); }

// Before the rate of the counter is known: as if it made a cycle a nanosecond, which none is slower than.
void begin_counting() {
  interval_ticks = 0;
  const uint64_t least_ticks = ticks_of_cycles(options::current().timeline);
  set_next_point(core::tick_at(facts().start.cycles) + (least_ticks == 0 ? 1 : least_ticks));
}

uint64_t ticks_of_interval(const core::ClockPair& start, const core::ClockPair& now) {
  const double cycles_per_ns = static_cast<double>(now.cycles - start.cycles) / static_cast<double>(now.ns - start.ns);
  const auto cycles = static_cast<uint64_t>(static_cast<double>(options::current().timeline) * cycles_per_ns);
  const uint64_t ticks = ticks_of_cycles(cycles);
  return ticks == 0 ? 1 : ticks;
}

// False where the first interval has not passed yet.
bool learn_interval() {
  if (interval_ticks != 0) return true;
  const core::ClockPair start = facts().start;
  const core::ClockPair now = core::read_clock_pair();
  if (now.ns <= start.ns || now.cycles <= start.cycles) return false;
  const uint64_t ticks = ticks_of_interval(start, now);
  if (now.ns - start.ns < options::current().timeline) {
    set_next_point(core::tick_at(start.cycles) + ticks);
    return false;
  }
  interval_ticks = ticks;
  timeline.host.begin(ticks);
  for (track::DeviceSeries& device : timeline.devices) device.begin(ticks);
  return true;
}

// ---- What the process has in memory ----

// "123 45 6 ...": the second number, in pages.
uint64_t second_number(const char* text) {
  while (*text >= '0' && *text <= '9') ++text;
  if (*text != ' ') return 0;
  uint64_t number = 0;
  for (++text; *text >= '0' && *text <= '9'; ++text) number = number * 10 + static_cast<uint64_t>(*text - '0');
  return number;
}

// Those that an instruction itself may raise: where one is blocked, its instruction ends the process.
constexpr leak::SignalSet kRaisedByInstructions = leak::bit_of(SIGTRAP) | leak::bit_of(SIGSEGV) | leak::bit_of(SIGBUS) |
                                                  leak::bit_of(SIGILL) | leak::bit_of(SIGFPE) | leak::bit_of(SIGSYS);

// Takes a descriptor for a moment, which nothing else of the program's may meet: only where it has one thread, its signals blocked.
uint64_t resident_bytes() {
  constexpr uint64_t kPageBytes = 4096;
  if (!track::single_threaded()) return 0;  // guard: timeline-descriptor
  char text[128];
  return core::read_whole("/proc/self/statm", text, sizeof text) == 0 ? 0 : second_number(text) * kPageBytes;
}

uint64_t first_highest_bytes;  // of whatever ran in this process, or was copied to it, before the program began

uint64_t highest_resident_bytes() {
  constexpr uint64_t kUnitBytes = 1024;
  rusage usage{};
  const long result = core::system_call(SYS_getrusage, RUSAGE_SELF, core::as_argument(&usage));
  return core::failed(result) ? 0 : static_cast<uint64_t>(usage.ru_maxrss) * kUnitBytes;
}

// The program's own; 0 while it is not known, as what was there before was higher.
uint64_t own_highest_resident_bytes() {
  const uint64_t bytes = highest_resident_bytes();
  return bytes > first_highest_bytes ? bytes : 0;  // guard: timeline-inherited-peak
}

// ---- The points ----

void add_host_point(uint64_t tick) {
  const track::LiveFigures live = track::read_live_figures();
  track::HostSeries::Point point{};
  point.tick = tick;
  point.figures[track::kHostLiveBytes] = live.bytes;
  point.figures[track::kHostLiveCount] = live.count;
  point.figures[track::kHostReservedBytes] = pool::reserved_bytes();
  point.figures[track::kHostMappedBytes] = track::live_mapped_bytes();
  point.figures[track::kHostRssBytes] = resident_bytes();
  point.figures[track::kHostPeakRssBytes] = own_highest_resident_bytes();
  timeline.host.add(point);
}

void add_device_point(uint64_t tick, int device) {
  const report::DevicePoint taken = report::device_point(device, tick);
  if (taken.is_used) timeline.devices[device].add(taken.point);
}

// The thread's own time: where threads are more than processors, many a point has a processor taken from it in the middle. One that
// an interrupt came into is still no measure of the work: the estimate at most doubles.
void note_cost(uint64_t ns) {
  constexpr uint64_t kLeastNs = 10'000;
  const uint64_t most = 2 * cost_ns > kLeastNs ? 2 * cost_ns : kLeastNs;
  cost_ns = ns < most ? ns : most;
}

uint64_t ticks_of_ns(uint64_t ns) { return ns * interval_ticks / options::current().timeline; }

void add_points() {
  const uint64_t tick = core::current_tick();
  if (!track::is_point_due(tick)) return;  // another thread has taken it meanwhile
  const uint64_t begun_ns = core::thread_cpu_ns();
  add_host_point(tick);
  for (int device = 0; device < cuda::kMostDevices && cuda::any_allocation(); ++device) add_device_point(tick, device);
  note_cost(core::thread_cpu_ns() - begun_ns);
  const uint64_t rested = core::current_tick() + ticks_of_ns(cost_ns * kShareOfTime);
  const uint64_t next = timeline.host.next_slot(tick);
  set_next_point(next > rested ? next : rested);
}

}  // namespace

void begin_timeline() {
  if (options::current().timeline == 0) return;
  first_highest_bytes = highest_resident_bytes();
  begin_counting();
}

void take_point(const core::Inside&) {
  if (core::system_calls_restricted()) return;                  // its report is written
  if (core::thread_slot.locks_held != 0) return;                // of code that a signal handler has interrupted
  const SignalsBlocked signals_blocked(kRaisedByInstructions);  // a handler may leave by longjmp: with the lock held
  if (!timeline.lock.try_lock()) return;
  if (learn_interval()) add_points();
  timeline.lock.unlock();
}

void timeline_reset_after_fork() {
  timeline.lock.reset_after_fork();
  if (interval_ticks != 0) {  // guard: timeline-of-parent
    timeline.host.begin(interval_ticks);
    for (track::DeviceSeries& device : timeline.devices) device.begin(interval_ticks);
  }
  begin_timeline();
}

}  // namespace weir::runtime

#include "runtime/running_report.h"

#include "leak/signal_set.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/process_policy.h"
#include "runtime/process_snapshot.h"

namespace weir::runtime {

constinit RecurringTime detail::running_report_time;

void detail::begin_running_reports() { running_report_time.begin(facts().start, options::current().report_every); }

void write_running_report(const core::Inside& inside) {
  const SignalsBlocked signals_blocked(
      ~leak::kAllButSteps);  // a handler that left by longjmp would leave the turn taken
  if (!detail::running_report_time.take_turn()) return;
  const uint64_t start_ns = core::read_clock_pair().ns;
  if (report_wanted()) take_running_report(inside);
  detail::running_report_time.end_turn(core::read_clock_pair().ns - start_ns);
}

}  // namespace weir::runtime

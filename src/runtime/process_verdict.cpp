#include "runtime/process_verdict.h"

#include <atomic>

#include "core/print.h"
#include "options/options.h"
#include "runtime/only_check.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/process_policy.h"
#include "runtime/process_report.h"
#include "runtime/process_symbolize.h"
#include "runtime/program_suppressions.h"

namespace weir::runtime {
namespace {

std::atomic<bool> early_check_done{false};

bool tracking() { return process_stage.load(std::memory_order_acquire) == Stage::tracking; }

}  // namespace

bool is_end_judged() {
  return options::current().exit_code != 0 && !leak_checks_turned_off() && process_chosen() &&
         !early_check_done.load(std::memory_order_relaxed);
}

bool take_early_check() { return !early_check_done.exchange(true, std::memory_order_relaxed); }

void process_verdict_reset_after_fork() {
  early_check_done.store(false, std::memory_order_relaxed);
  OnlyCheck::reset_after_fork();
}

bool do_leaks_remain(const core::Inside& inside, const char* path, uint64_t lost_count) {
  if (lost_count == 0) return false;
  const LeakVerdict verdict = ask_for_verdict(inside, path);
  if (verdict == LeakVerdict::unknown) {
    core::print_line(
        "blocks were lost, and the weir command does not say which of them are suppressed: none counts as it");
  }
  return verdict != LeakVerdict::none_left;
}

int judged_status(const core::Inside& inside, const char* path, uint64_t lost_count, int status,
                  const char* shown_path) {
  if (!do_leaks_remain(inside, path, lost_count)) return status;
  say_exit_status(shown_path);
  return static_cast<int>(options::current().exit_code);
}

void say_exit_status(const char* report_path) {
  char storage[1000];
  core::TextBuffer line(storage);
  line.text("blocks were lost: exit status ").decimal(options::current().exit_code);
  if (report_path != nullptr) line.text("; see ").text(report_path);
  core::print_line(line.c_str());
}

bool find_leaks() {
  if (!tracking() || system_calls_restricted() || !is_own_process() || leak_checks_turned_off()) return false;
  const core::Guard guard;
  if (!guard.entered()) return false;
  const SignalsBlocked signals_blocked;
  const OnlyCheck only_check;
  TemporaryReport report;
  return report.write(guard.token()) && do_leaks_remain(guard.token(), report.path(), report.lost_count());
}

}  // namespace weir::runtime

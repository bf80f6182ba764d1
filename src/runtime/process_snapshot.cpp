#include "runtime/process_snapshot.h"

#include "core/own_stack.h"
#include "core/print.h"
#include "core/scratch.h"
#include "leak/signal_set.h"
#include "report/error_text.h"
#include "runtime/only_check.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/process_report.h"

namespace weir::runtime {
namespace {

void say_why_not(const char* path, int error) {
  char storage[1000];
  core::TextBuffer line(storage);
  line.text("no snapshot: cannot write ").text(path).text(": ").text(report::error_text(error));
  line.text(" (errno ").decimal(static_cast<uint64_t>(error)).text(")");
  core::print_line(line.c_str());
}

}  // namespace

Snapshot take_snapshot(const core::Inside& inside, const char* pattern, report::WrittenReport* written, int* error) {
  if (system_calls_restricted() || !is_own_process()) return Snapshot::refused;
  const SignalsBlocked signals_blocked(~leak::kAllButSteps);
  const OnlyCheck only_check;
  if (is_ending()) return Snapshot::refused;
  struct Work {
    const core::Inside& inside;
    const char* pattern;
    report::WrittenReport* written;
    int error;
  } work{inside, pattern, written, 0};
  core::run_on_own_stack(
      [](void* given) {
        auto* of = static_cast<Work*>(given);
        of->error = write_snapshot_report(of->inside, of->pattern, of->written);
      },
      &work);
  *error = work.error;
  return *error == 0 ? Snapshot::written : Snapshot::not_written;
}

Snapshot write_snapshot(const char* pattern) {
  if (!ensure_started()) return Snapshot::refused;
  const core::Guard guard;
  if (!guard.entered() || core::thread_slot.locks_held != 0) return Snapshot::not_now;
  core::ScratchArray<report::WrittenReport> written;
  if (!written.resize(1)) return Snapshot::not_written;
  int error = 0;
  const Snapshot result = take_snapshot(guard.token(), pattern, &written[0], &error);
  if (result == Snapshot::not_written) say_why_not(written[0].path, error);
  return result;
}

}  // namespace weir::runtime

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

// Has it written when it is this thread's turn. False where the process may not be looked at now.
template <class Write>
bool write_in_turn(const Write& write) {
  if (system_calls_restricted() || !is_own_process()) return false;
  const SignalsBlocked signals_blocked(~leak::kAllButSteps);
  const OnlyCheck only_check;
  if (is_ending()) return false;
  core::run_on_own_stack([](void* given) { (*static_cast<const Write*>(given))(); }, const_cast<Write*>(&write));
  return true;
}

}  // namespace

Snapshot take_snapshot(const core::Inside& inside, const SnapshotRequest& request, report::WrittenReport* written,
                       int* error) {
  if (!write_in_turn([&] { *error = write_snapshot_report(inside, request.pattern, request.classifies, written); }))
    return Snapshot::refused;
  return *error == 0 ? Snapshot::written : Snapshot::not_written;
}

void take_running_report(const core::Inside& inside) {
  write_in_turn([&] { write_running_report_file(inside); });
}

Snapshot write_snapshot(const char* pattern) {
  if (!ensure_started()) return Snapshot::refused;
  const core::Guard guard;
  if (!guard.entered() || core::thread_slot.locks_held != 0) return Snapshot::not_now;
  core::ScratchArray<report::WrittenReport> written;
  if (!written.resize(1)) return Snapshot::not_written;
  int error = 0;
  const Snapshot result = take_snapshot(guard.token(), {pattern}, &written[0], &error);
  if (result == Snapshot::not_written) say_why_not(written[0].path, error);
  return result;
}

}  // namespace weir::runtime

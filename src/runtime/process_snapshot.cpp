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
  core::run_on_own_stack(write);
  return true;
}

// A description of what was written is too long for a handler's stack.
Snapshot take_and_say(const core::Inside& inside, const char* pattern) {
  core::ScratchArray<report::WrittenReport> written;
  if (!written.resize(1)) return Snapshot::not_written;
  int error = 0;
  const Snapshot result = take_snapshot(inside, {pattern}, &written[0], &error);
  if (result == Snapshot::not_written) say_why_not(written[0].path, error);
  return result;
}

bool is_interrupted(const core::Guard& guard) { return !guard.entered() || core::thread_slot.locks_held != 0; }

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
  return is_interrupted(guard) ? Snapshot::not_now : take_and_say(guard.token(), pattern);
}

constinit std::atomic<bool> detail::snapshot_asked{false};

// A child of vfork's has this memory, and its own signals.
void ask_snapshot() {
  if (is_own_process()) detail::snapshot_asked.store(true, std::memory_order_relaxed);
}

void forget_asked_snapshot() { detail::snapshot_asked.store(false, std::memory_order_relaxed); }

bool write_asked_snapshot() {
  if (!is_snapshot_asked() || !ensure_started()) return true;
  const core::Guard guard;
  if (is_interrupted(guard)) return false;
  take_asked_snapshot(guard.token());
  return true;
}

void take_asked_snapshot(const core::Inside& inside) {
  if (core::thread_slot.locks_held != 0 || !is_own_process()) return;
  if (detail::snapshot_asked.exchange(false, std::memory_order_relaxed)) take_and_say(inside, nullptr);
}

}  // namespace weir::runtime

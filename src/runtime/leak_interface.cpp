#include "runtime/leak_interface.h"

#include <stdlib.h>

#include "core/scratch.h"
#include "leak/ignored.h"
#include "leak/root_regions.h"
#include "options/options.h"
#include "report/leak_rows.h"
#include "runtime/only_check.h"
#include "runtime/process.h"
#include "runtime/process_end.h"
#include "runtime/process_report.h"
#include "runtime/process_verdict.h"
#include "runtime/thread_state.h"
#include "stack/python_frames.h"

namespace weir::runtime {
namespace {

static_assert(static_cast<int>(leak::LeakClass::live) == WEIR_LEAK_LIVE &&
              static_cast<int>(leak::LeakClass::reachable) == WEIR_LEAK_REACHABLE &&
              static_cast<int>(leak::LeakClass::possible) == WEIR_LEAK_POSSIBLE &&
              static_cast<int>(leak::LeakClass::indirect) == WEIR_LEAK_INDIRECT &&
              static_cast<int>(leak::LeakClass::definite) == WEIR_LEAK_DEFINITE);

// The thread's blocks are excused, or not, from its next event on.
void choose_path_of_this_thread() {
  const core::Guard guard;
  const ThreadState* thread = guard.entered() ? this_thread(guard.token()) : nullptr;
  if (thread != nullptr) choose_path(guard.token(), *thread);
}

bool take_rows(report::LeakRows& rows) {
  const core::Guard guard;
  if (!guard.entered()) return false;
  const OnlyCheck only_check;
  return rows.take(guard.token(), facts().ignore_before_tick, may_classify());
}

// The return addresses of a row's stack, as the callback gets them.
class StackOfRow {
 public:
  bool make_room() { return frames_.resize(kMostFrames) && addresses_.resize(kMostFrames); }

  void read(core::StackId stack) {
    bool truncated = false;
    size_t depth =
        stack == core::StackId::unknown ? 0 : stack::frames_of(stack, frames_.begin(), kMostFrames, &truncated);
    if (depth > kMostFrames) depth = kMostFrames;
    count_ = 0;
    for (size_t i = 0; i < depth; ++i) {
      if (!stack::is_python(frames_[i])) addresses_[count_++] = frames_[i].ip;  // the others have no address
    }
  }
  const uintptr_t* addresses() const { return addresses_.begin(); }
  size_t count() const { return count_; }

 private:
  static constexpr size_t kMostFrames = 1024;
  core::ScratchArray<stack::StackFrame> frames_;
  core::ScratchArray<uintptr_t> addresses_;
  size_t count_ = 0;
};

weir_leak leak_of(const report::LeakRow& row, const StackOfRow& stack) {
  weir_leak leak{};
  leak.struct_bytes = sizeof leak;
  leak.leak_class = static_cast<int>(row.leak_class);
  leak.memory = row.memory;
  leak.bytes = row.bytes;
  leak.count = row.count;
  leak.sample_address = row.sample_address;
  leak.stack = core::index_of(row.stack);
  leak.frame_count = stack.count();
  leak.frames = stack.addresses();
  return leak;
}

}  // namespace

void ignore_object(const void* object) {
  if (!ensure_started()) return;
  const core::Guard guard;
  if (guard.entered()) leak::ignore_block(guard.token(), reinterpret_cast<uintptr_t>(object));
}

void begin_ignoring_blocks() {
  if (!ensure_started()) return;
  leak::begin_ignoring();
  choose_path_of_this_thread();
}

void end_ignoring_blocks() {
  if (!ensure_started()) return;
  leak::end_ignoring();
  choose_path_of_this_thread();
}

void register_root_region(const void* start, size_t bytes) {
  if (!ensure_started()) return;
  const core::Guard guard;
  if (guard.entered()) leak::add_root(reinterpret_cast<uintptr_t>(start), bytes);
}

void unregister_root_region(const void* start, size_t bytes) {
  if (!ensure_started()) return;
  const core::Guard guard;
  if (guard.entered()) leak::remove_root(reinterpret_cast<uintptr_t>(start), bytes);
}

void check_leaks_once() {
  if (options::current().exit_code == 0 || !take_early_check() || !find_leaks()) return;
  const int status = process_end_by_check(static_cast<int>(options::current().exit_code));
  say_exit_status(written_report_path());
  exit(status);
}

int find_leaks_now() { return find_leaks() ? 1 : 0; }

int visit_leaks(weir_leak_callback callback, void* context) {
  if (callback == nullptr || !ensure_started() || system_calls_restricted() || !is_own_process()) return -1;
  report::LeakRows rows;
  StackOfRow stack;
  if (!stack.make_room() || !take_rows(rows)) return -1;
  int calls = 0;
  for (const report::LeakRow& row : rows.rows()) {
    stack.read(row.stack);
    const weir_leak leak = leak_of(row, stack);
    ++calls;
    if (callback(&leak, context) != 0) break;
  }
  return calls;
}

}  // namespace weir::runtime

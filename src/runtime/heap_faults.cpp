#include "runtime/heap_faults.h"

#include <atomic>

#include "core/clock.h"
#include "core/large_table.h"
#include "core/print.h"
#include "core/spin_lock.h"
#include "options/options.h"
#include "runtime/acquire.h"
#include "runtime/foreign_pointer.h"
#include "runtime/process_abort.h"
#include "runtime/quarantine.h"
#include "stack/python_frames.h"

namespace weir::runtime {
namespace {

using track::HeapError;
using track::HeapErrorKind;

std::atomic<bool> some_are_untracked;

// ---- Blocks that were freed and whose records went with their pages ----

constexpr size_t kRemembered = 1024;  // a power of two
constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
constexpr int kHashShift = 40;

struct Remembered {
  track::Block block;
  track::HeapEvent freed;
};
WEIR_LARGE_TABLE Remembered remembered[kRemembered];  // the latest of each place
core::SpinLock remembered_lock;

Remembered& place_of(uintptr_t address) {
  return remembered[((address * kMultiplier) >> kHashShift) & (kRemembered - 1)];
}

bool recall_freed(uintptr_t address, track::Block* block, track::HeapEvent* freed) {
  const core::LockScope scope(remembered_lock);
  const Remembered& found = place_of(address);
  if (found.block.address != address) return false;
  *block = found.block;
  *freed = found.freed;
  return true;
}

// ---- Taking an error down ----

[[noreturn]] void abort_by(const HeapError& error) {
  char storage[200];
  core::TextBuffer line(storage);
  line.text("heap error: ").text(track::heap_error_name(error.kind)).text(" at 0x").hex(error.address);
  line.text(", found by ").text(error.call).text("; WEIR_ON_ERROR=abort ends the process here");
  core::print_line(line.c_str());
  run_abort();
}

HeapError error_of(HeapErrorKind kind, const HeapCall& call) {
  HeapError error{};
  error.kind = kind;
  error.call = call.what.name;
  error.address = call.address;
  error.said_bytes = call.what.bytes;
  error.said_alignment = call.what.alignment;
  return error;
}

void take_down(const core::Inside& inside, ThreadState* thread, const HeapCall& call, HeapError& error) {
  const unsigned answer = options::current().on_error;
  if (answer == options::kOnErrorIgnore) return;
  error.event.tick = core::current_tick();
  if (thread != nullptr) error.event.thread = thread->counters->id;
  if (thread != nullptr && thread->last_stack != nullptr && call.caller != nullptr) {
    error.event.stack = stack::capture_all(inside, *thread->last_stack, *call.caller);
  }
  track::record_heap_error(error);
  if (answer == options::kOnErrorAbort && thread != nullptr) abort_by(error);
}

// What a freed block's record still tells: of the free who and when, which took the place of the allocation's.
void describe_freed(HeapError& error, const track::Block& record) {
  error.has_block = true;
  error.was_freed = true;
  if (find_quarantined(record.address, &error.block, &error.freed)) return;
  error.block = record;
  error.freed = {core::StackId::unknown, record.thread, record.tick};
  error.block.thread = core::ThreadId::unknown;
  error.block.tick = 0;
}

void describe(HeapError& error, const track::Block& record) {
  if (record.state == track::BlockState::never) return;
  if (!track::is_live(record.state)) return describe_freed(error, record);
  error.has_block = true;
  error.block = record;
}

// ---- Whether a call fits its block ----

size_t alignment_of(size_t asked) { return asked > natural_alignment() ? asked : natural_alignment(); }
size_t alignment_of(const track::Block& block) { return alignment_of(size_t{1} << block.align_log2); }

// The family and the form: plain or aligned. The C functions have one free for both.
bool is_mismatched(const FreeingCall& call, const track::Block& block, bool alignment_known) {
  if (call.family != block.family) return true;
  if (call.family == track::Family::malloc || !alignment_known) return false;
  const size_t natural = natural_alignment();
  return (alignment_of(call.alignment) > natural) != (alignment_of(block) > natural);
}

bool find_misfit(const FreeingCall& call, const track::Block& block, bool alignment_known, HeapErrorKind* kind) {
  if (!call.tells_family) return false;
  if (is_mismatched(call, block, alignment_known)) {
    *kind = HeapErrorKind::mismatched_free;
  } else if (call.alignment != 0 && alignment_known && alignment_of(call.alignment) != alignment_of(block)) {
    *kind = HeapErrorKind::wrong_alignment;
  } else if (call.bytes != track::kNotSaid && call.bytes != block.bytes) {
    *kind = HeapErrorKind::wrong_size;
  } else {
    return false;
  }
  return true;
}

// ---- Pointers that are no live block's start ----

bool is_realloc(const FreeingCall& call) { return call.name == kRealloc.name; }

HeapErrorKind kind_of_freed(const FreeingCall& call) {
  return is_realloc(call) ? HeapErrorKind::realloc_freed : HeapErrorKind::double_free;
}

void note_freed_again(const core::Inside& inside, ThreadState& thread, const HeapCall& call,
                      const track::Block& record) {
  ++thread.counters->double_free_count;
  HeapError error = error_of(kind_of_freed(call.what), call);
  describe_freed(error, record);
  take_down(inside, &thread, call, error);
}

// No record tells of it any more. False where nothing else does either.
bool describe_remembered(HeapError& error) {
  if (!recall_freed(error.address, &error.block, &error.freed)) return false;
  error.has_block = error.was_freed = true;
  return true;
}

void note_interior(const core::Inside& inside, ThreadState& thread, const HeapCall& call, const track::Block& around) {
  ++thread.counters->interior_free_count;
  HeapError error = error_of(HeapErrorKind::interior_free, call);
  describe(error, around);
  take_down(inside, &thread, call, error);
}

void note_foreign(const core::Inside& inside, ThreadState& thread, const HeapCall& call, const char* place) {
  HeapError error = error_of(HeapErrorKind::foreign_free, call);
  error.place = place;
  take_down(inside, &thread, call, error);
}

// Outside of the pool, and surely no other allocator's.
void note_outside(const core::Inside& inside, ThreadState& thread, const HeapCall& call, const char* place) {
  HeapError error = error_of(kind_of_freed(call.what), call);
  if (!describe_remembered(error)) return note_foreign(inside, thread, call, place);
  ++thread.counters->double_free_count;
  take_down(inside, &thread, call, error);
}

// Within the pool, where no live block starts and none was freed.
void note_stray(const core::Inside& inside, ThreadState& thread, const HeapCall& call) {
  const track::Surroundings around = track::find_surroundings(call.address);
  if (around.known) {
    note_interior(inside, thread, call, around.block);
  } else if (!some_are_untracked.load(std::memory_order_relaxed) && !track::sampling()) {
    note_foreign(inside, thread, call, "unused memory of the pool");
  }
}

}  // namespace

void check_freeing_call(const core::Inside& inside, ThreadState& thread, const HeapCall& call,
                        const track::Block& block, bool alignment_known) {
  HeapErrorKind kind{};
  if (!find_misfit(call.what, block, alignment_known, &kind)) return;
  if (kind == HeapErrorKind::mismatched_free && !families_are_apart()) return;
  HeapError error = error_of(kind, call);
  describe(error, block);
  take_down(inside, &thread, call, error);
}

bool belongs_to_host(const core::Inside& inside, ThreadState& thread, const HeapCall& call, track::RemoveResult verdict,
                     const track::Block& found) {
  if (verdict == track::RemoveResult::already_freed) {
    note_freed_again(inside, thread, call, found);
    return false;
  }
  if (verdict == track::RemoveResult::interior) {
    note_interior(inside, thread, call, found);
    return false;
  }
  if (track::in_pool_page(call.address)) {
    note_stray(inside, thread, call);
    return false;
  }
  const char* place = place_of_foreign(call.address, call.caller == nullptr ? 0 : call.caller->sp);
  if (place == nullptr) {
    ++thread.counters->foreign_free_count;
    return true;
  }
  note_outside(inside, thread, call, place);
  return false;
}

void note_question_about_freed(const core::Inside& inside, ThreadState& thread, const HeapCall& call,
                               const track::Block& freed) {
  HeapError error = error_of(HeapErrorKind::use_after_free, call);
  describe_freed(error, freed);
  take_down(inside, &thread, call, error);
}

bool note_question_about_gone(const core::Inside& inside, ThreadState& thread, const HeapCall& call) {
  HeapError error = error_of(HeapErrorKind::use_after_free, call);
  if (!describe_remembered(error) || place_of_foreign(call.address, call.caller->sp) == nullptr) return false;
  take_down(inside, &thread, call, error);
  return true;
}

void note_damage(const core::Inside& inside, ThreadState* thread, const HeapCall& call, HeapErrorKind kind,
                 const track::Block& block, const track::HeapEvent* freed) {
  HeapError error = error_of(kind, call);
  error.has_block = true;
  error.block = block;
  error.was_freed = freed != nullptr;
  if (freed != nullptr) error.freed = *freed;
  take_down(inside, thread, call, error);
}

void note_untracked_block() { some_are_untracked.store(true, std::memory_order_relaxed); }

void remember_freed(const track::Block& block, const track::HeapEvent& freed) {
  const core::LockScope scope(remembered_lock);
  place_of(block.address) = {block, freed};
}

void heap_faults_reset_after_fork() {
  remembered_lock.reset_after_fork();
  track::heap_errors_reset_after_fork();
}

}  // namespace weir::runtime

#include "leak/roots.h"

#include <sys/mman.h>

#include <algorithm>

#include "core/own_image.h"
#include "core/own_memory.h"
#include "leak/ignored.h"
#include "leak/noted_threads.h"
#include "leak/root_regions.h"
#include "pool/pool_memory.h"
#include "track/mapping_table.h"

namespace weir::leak {
namespace {

constexpr uintptr_t kPageBytes = 4096;
constexpr uintptr_t kRedZone = 128;              // below the stack pointer, in use all the same (x86-64 ABI)
constexpr uintptr_t kThreadControlBytes = 4096;  // more than glibc's control block

uintptr_t lowest_used(const StoppedThread& thread) {
  return thread.stack_pointer == 0 ? 0 : thread.stack_pointer - kRedZone;
}

uintptr_t page_above(uintptr_t address) { return (address + kPageBytes - 1) & ~(kPageBytes - 1); }

// Code and constants hold no address of a block; what a file holds and nobody has written, neither.
bool may_hold_pointers(const Area& area) {
  if (!area.readable || area.kind == AreaKind::special) return false;
  return area.writable || area.kind == AreaKind::anonymous;
}

}  // namespace

void Roots::leave_out(uintptr_t start, uintptr_t end) {
  if (start < end && !left_out_.push({start, end})) out_of_memory_ = true;
}

void Roots::leave_out_weir() {
  pool::for_each_pool_range(
      [](void* self, uintptr_t start, size_t bytes) { static_cast<Roots*>(self)->leave_out(start, start + bytes); },
      this);
  leave_out(core::own_image_start(), page_above(core::own_image_end()));
}

// Last, and with room for all that is still to come: what is mapped later, or moved, may lie where the map saw something else.
void Roots::leave_out_own_memory() {
  const size_t others = left_out_.size(), most = others + core::kMostOwnRanges;
  if (!ranges_.reserve(map_.size() + most) || !left_out_.resize(most)) {
    out_of_memory_ = true;
    return;
  }
  left_out_.resize(others + core::copy_own_ranges(left_out_.begin() + others));  // guard: own-memory
}

// Blocks of other allocators lie in memory that would count as the program's.
void Roots::leave_out_blocks() {
  for (size_t i = 0; i < heap_.foreign_count(); ++i) {
    const HeapBlock block = heap_.foreign_block(i);
    leave_out(block.address, block.address + block.bytes);
  }
}

// A driver may map a device's memory where the processor could read it, slowly or not at all; pinned memory is read as a block.
void Roots::leave_out_device_memory() {
  for (size_t i = 0; i < devices_.size(); ++i) {
    const cuda::Allocation& allocation = devices_[i];
    if (allocation.space != cuda::Space::address && allocation.space != cuda::Space::mapping) continue;
    if (DeviceIndex::is_host_memory(allocation)) {
      leave_out(allocation.key, allocation.key + allocation.bytes);
    } else if (const Area* area = map_.find(allocation.key)) {
      leave_out(area->start, area->end);
    }
  }
}

// The libc puts a page without access below each stack that it makes. The lower end of others is not known.
bool Roots::is_guarded_stack(const Area& area) const {
  if (area.kind == AreaKind::stack) return true;
  const Area* const below = map_.before(area);
  return area.kind == AreaKind::anonymous && below != nullptr && !below->readable && !below->writable;
}

// Stale words lie there: pointers of calls that have returned.
void Roots::leave_out_unused_stack(uintptr_t used_from, uintptr_t thread_pointer) {
  const Area* const area = used_from == 0 ? nullptr : map_.find(used_from);
  if (area == nullptr || !is_guarded_stack(*area)) return;
  const bool is_own = area->kind == AreaKind::stack || (thread_pointer > used_from && thread_pointer < area->end);
  track::Mapping mapping;
  // A mapping of the program's without a gap to the stack above it would be taken for its lower part.
  const bool is_shared = track::find_mapping(area->start, &mapping) && !(used_from < mapping.end());
  if (is_own && !is_shared) leave_out(area->start, used_from);
}

void Roots::leave_out_ended_stacks(const StoppedThreads& threads) {
  struct Visit {
    Roots* roots;
    const StoppedThreads& threads;
  } visit{this, threads};
  for_each_noted_thread(
      [](void* context, uintptr_t noted) {
        const Visit& of = *static_cast<const Visit*>(context);
        const Area* const area = of.roots->map_.find(noted);
        track::Mapping mapping;
        if (area == nullptr || !of.roots->is_guarded_stack(*area) || track::find_mapping(area->start, &mapping)) return;
        const auto own = reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
        bool has_thread = own >= area->start && own < area->end;
        for (size_t i = 0; i < of.threads.size(); ++i) {
          const StoppedThread& thread = of.threads[i];
          for (const uintptr_t at : {thread.thread_pointer, thread.stack_pointer}) {
            has_thread = has_thread || (at >= area->start && at < area->end);
          }
          // Nothing is known of one that may have its stack there.
          has_thread = has_thread || (thread.thread_pointer == 0 && thread.stack_pointer == 0);
        }
        if (has_thread) return;
        // What it returned lies in its control block until it is asked for.
        const uintptr_t end = was_joined(noted) ? page_above(noted + kThreadControlBytes) : noted;
        of.roots->leave_out(area->start, std::min(area->end, end));
      },
      &visit);
}

// What is left of an area.
void Roots::add_area(const Area& area) {
  uintptr_t start = area.start;
  const Range* range = std::upper_bound(left_out_.begin(), left_out_.end(), area.start,
                                        [](uintptr_t address, const Range& of) { return address < of.end; });
  for (; range != left_out_.end() && range->start < area.end; ++range) {
    if (range->start > start && !ranges_.push({start, range->start})) out_of_memory_ = true;
    start = std::max(start, range->end);
  }
  if (start < area.end && !ranges_.push({start, area.end})) out_of_memory_ = true;
}

bool Roots::gather(const CallerFrame& caller, const StoppedThreads& threads) {
  leave_out_weir();
  leave_out_blocks();
  leave_out_device_memory();
  // Who made a call keeps nothing below its stack pointer: what is there, main's own frame when main has returned, is stale.
  const auto own_thread = reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
  leave_out_unused_stack(caller.stack_pointer, own_thread);  // guard: stack-cut
  for (size_t i = 0; i < threads.size(); ++i) {
    leave_out_unused_stack(lowest_used(threads[i]), threads[i].thread_pointer);
  }
  leave_out_ended_stacks(threads);  // guard: ended-stacks
  leave_out_own_memory();
  std::sort(left_out_.begin(), left_out_.end(), [](const Range& a, const Range& b) { return a.start < b.start; });
  // Each then ends where the next may begin: a search by ends finds the first that matters.
  uintptr_t end = 0;
  for (Range& range : left_out_) range.end = end = std::max(end, range.end);
  for (size_t i = 0; i < map_.size(); ++i) {
    if (may_hold_pointers(map_[i])) add_area(map_[i]);
  }
  return !out_of_memory_;
}

// A coroutine runs on a block: the block is in use, from the stack pointer on.
void Roots::walk_stack_in_block(uintptr_t stack_pointer, Reachability& reachability) const {
  HeapBlock block;
  if (stack_pointer != 0 && heap_.may_hold(stack_pointer) && heap_.find(stack_pointer, &block))
    reachability.add_held(block, stack_pointer - kRedZone);
}

void Roots::walk_ignored_block(uintptr_t address, Reachability& reachability) const {
  HeapBlock block;
  if (heap_.find(address, &block) && block.address == address && block.is_of_loader) {  // else it was freed unseen
    reachability.add_held(block, address);
  }
}

// As far as it can be read.
void Roots::walk_region(uintptr_t start, uintptr_t end, Reachability& reachability) const {
  constexpr uintptr_t kWord = sizeof(uintptr_t);
  for (size_t i = 0; i < map_.size(); ++i) {
    const Area& area = map_[i];
    const uintptr_t from = (std::max(start, area.start) + kWord - 1) & ~(kWord - 1);
    const uintptr_t to = std::min(end, area.end) & ~(kWord - 1);
    if (area.readable && area.kind != AreaKind::special && from < to) reachability.add_root(from, to);
  }
}

void Roots::walk_what_the_program_named(Reachability& reachability) const {
  struct Walk {
    const Roots& roots;
    Reachability& reachability;
  } walk{*this, reachability};
  for_each_ignored(
      [](void* context, uintptr_t address) {
        const auto* walk = static_cast<const Walk*>(context);
        walk->roots.walk_ignored_block(address, walk->reachability);
      },
      &walk);
  for_each_root(
      [](void* context, uintptr_t start, size_t bytes) {
        const auto* walk = static_cast<const Walk*>(context);
        walk->roots.walk_region(start, start + bytes, walk->reachability);
      },
      &walk);
}

void Roots::walk(const CallerFrame& caller, const StoppedThreads& threads, Reachability& reachability) const {
  for (const Range& range : ranges_) reachability.add_root(range.start, range.end);
  reachability.add_root_words(caller.registers, caller.register_count);
  if (caller.extended != nullptr) {
    reachability.add_root_words(static_cast<const uint64_t*>(caller.extended),
                                caller.extended_bytes / sizeof(uint64_t));
  }
  walk_stack_in_block(caller.stack_pointer, reachability);
  walk_what_the_program_named(reachability);  // guard: excused-roots
  for (size_t i = 0; i < threads.size(); ++i) {
    const StoppedThread& thread = threads[i];
    reachability.add_root_words(thread.registers, std::size(thread.registers));
    if (thread.extended != nullptr) {
      reachability.add_root_words(static_cast<const uint64_t*>(thread.extended),
                                  thread.extended_bytes / sizeof(uint64_t));
    }
    walk_stack_in_block(thread.stack_pointer, reachability);
  }
}

}  // namespace weir::leak

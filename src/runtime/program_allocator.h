// A program that brings a malloc of its own, as with jemalloc linked in, hides Weir's. Weir's operator new then takes its memory
// from that malloc, as the libstdc++'s would: the program may hand a block of new to its own free. Where that malloc passes on
// to the next one, which is Weir's, the block is tracked there.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/runtime.h"

namespace weir::runtime {

enum class ProgramAllocator : uint8_t { unknown, absent, present };
[[gnu::visibility("hidden")]] extern std::atomic<ProgramAllocator> program_allocator;

bool look_for_program_allocator();

// True where the program's own malloc comes before Weir's. Cost: one load, but for the first call, which asks the loader.
inline bool program_brings_allocator() {
  if (program_allocator.load(std::memory_order_acquire) == ProgramAllocator::absent) [[likely]]
    return false;
  return look_for_program_allocator();
}

// Cost: one load.
inline bool program_is_known_to_bring_none() {
  return program_allocator.load(std::memory_order_relaxed) == ProgramAllocator::absent;
}

// What operator new and delete would do without Weir. nullptr: out of memory.
void* allocate_from_program(const stack::Registers& caller, const Request& request);
void release_to_program(void* block);

}  // namespace weir::runtime

// A program that brings a malloc of its own, as with jemalloc linked in, hides Weir's. Weir's operator new then takes its memory
// from that malloc, as the libstdc++'s would: the program may hand a block of new to its own free. Where that malloc passes on
// to the next one, which is Weir's, the block is tracked there.
//
// A program that brings some of the operators alone hides those of Weir's, and the others are to call them: the C++ library makes each
// form of another (a sized delete of the plain one, new[] of new). In such a program Weir's forms pass on to the library's.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/runtime.h"

namespace weir::runtime {

enum class ProgramAllocator : uint8_t { unknown, absent, present, operators };
[[gnu::visibility("hidden")]] extern std::atomic<ProgramAllocator> program_allocator;

ProgramAllocator look_for_program_allocator();

// Cost: one load, but for the first call, which looks through the modules before Weir.
inline ProgramAllocator what_program_brings() {
  const ProgramAllocator known = program_allocator.load(std::memory_order_acquire);
  return known != ProgramAllocator::unknown ? known : look_for_program_allocator();
}

// True where the program's own malloc comes before Weir's.
inline bool program_brings_allocator() { return what_program_brings() == ProgramAllocator::present; }

// Cost: one load.
inline bool program_is_known_to_bring_none() {
  return program_allocator.load(std::memory_order_relaxed) == ProgramAllocator::absent;
}

// What operator new and delete would do without Weir. nullptr: out of memory.
void* allocate_from_program(const stack::Registers& caller, const Request& request);
void release_to_program(void* block);

// The program's own realloc where it brings a malloc, which the libc's reallocarray calls; else nullptr. Cost: one load where the program
// brings nothing.
using ReallocFunction = void* (*)(void* block, size_t bytes);
ReallocFunction find_program_realloc();
inline ReallocFunction program_realloc() { return program_is_known_to_bring_none() ? nullptr : find_program_realloc(); }

void* find_library_operator(std::atomic<void*>& found, const char* symbol);

// Where the program brings some of the operators: what the C++ library has under that mangled name, remembered in `found`; else, and
// where there is no such library, nullptr. Cost: one load where the program brings nothing.
inline void* library_operator(std::atomic<void*>& found, const char* symbol) {
  return program_is_known_to_bring_none() ? nullptr : find_library_operator(found, symbol);
}

}  // namespace weir::runtime

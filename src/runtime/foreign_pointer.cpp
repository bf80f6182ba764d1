#include "runtime/foreign_pointer.h"

#include <atomic>
#include <cstring>

#include "core/confinement.h"
#include "core/elf_image.h"
#include "core/memory_area.h"
#include "core/spin_lock.h"
#include "runtime/host_allocator.h"
#include "runtime/host_symbols.h"
#include "track/mapping_table.h"

namespace weir::runtime {
namespace {

// ---- Areas that are known to be the host's heap ----

constexpr size_t kKnownAreas = 16;
constexpr uint64_t kMostReadings = 10'000;  // of the kernel's file: a program with so many is not judged any more

core::SpinLock known_lock;
core::MemoryArea known_areas[kKnownAreas];
size_t next_known;
std::atomic<uint64_t> reading_count;

bool find_known(uintptr_t address, core::MemoryArea* area) {
  const core::LockScope scope(known_lock);
  for (const core::MemoryArea& known : known_areas) {
    if (!known.holds(address)) continue;
    *area = known;
    return true;
  }
  return false;
}

void remember_area(const core::MemoryArea& area) {
  const core::LockScope scope(known_lock);
  known_areas[next_known++ % kKnownAreas] = area;
}

// ---- glibc's blocks ----

// Before each block lie two words: what the block before it leaves or, of one mapped alone, how far the mapping begins before it; and
// the block's size with three flags. That is glibc's ABI with its debuggers since version 2.0.
constexpr uintptr_t kHeadBytes = 16;
constexpr uintptr_t kLeastChunk = 32;
constexpr uintptr_t kFlags = 7, kIsMapped = 2;
constexpr uintptr_t kPageBytes = 4096;

uintptr_t word_at(uintptr_t address) {
  uintptr_t word = 0;
  memcpy(&word, reinterpret_cast<const void*>(address), sizeof word);
  return word;
}

bool may_be_block(uintptr_t address, const core::MemoryArea& area) {
  if (address % kHeadBytes != 0 || address < area.start + kHeadBytes || !area.is_readable) return false;
  const uintptr_t chunk = address - kHeadBytes, before = word_at(chunk);
  const uintptr_t head = word_at(chunk + sizeof before), bytes = head & ~kFlags;
  if (bytes < kLeastChunk || bytes % kHeadBytes != 0 || bytes > area.end - chunk) return false;
  if ((head & kIsMapped) == 0) return true;
  return before <= chunk - area.start && (chunk - before) % kPageBytes == 0 && (before + bytes) % kPageBytes == 0;
}

// ---- What is no heap ----

// The stack of a thread but the main one ends with what the thread pointer points to.
bool is_on_stack(uintptr_t address, uintptr_t stack_pointer, const core::MemoryArea& area) {
  if (area.is_stack) return true;
  const auto thread_pointer = reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
  return stack_pointer != 0 && area.holds(stack_pointer) && area.holds(thread_pointer) && address >= stack_pointer &&
         address < thread_pointer;
}

const char* place_in(const core::MemoryArea& area, uintptr_t address, uintptr_t stack_pointer) {
  if (area.is_file) return "a mapped file";
  if (is_on_stack(address, stack_pointer, area)) return "a stack";
  track::Mapping mapping;
  if (track::find_mapping(address, &mapping)) return "a mapping of the program's";
  // guard: host-heap
  if (!area.is_writable || !may_be_block(address, area)) return "memory of no block";
  remember_area(area);
  return nullptr;
}

// ---- Whose operator new it is ----

enum class Families : uint8_t { unknown, apart, mixed };
std::atomic<Families> families{Families::unknown};

bool is_of_cxx_library(const void* function) {
  const link_map* module = core::module_at(function);
  if (module == nullptr) return false;
  const char* name = core::ElfImage(*module).soname();
  return strncmp(name, "libstdc++.so", 12) == 0 || strncmp(name, "libc++", 6) == 0;
}

// Where no library defines it, a C++ library may come by dlopen.
bool is_replaced(const char* symbol) {
  if (find_symbol_before_weir(symbol) != nullptr) return true;
  const void* next = find_symbol_after_weir(symbol);
  return next != nullptr && !is_of_cxx_library(next);
}

}  // namespace

const char* place_of_foreign(uintptr_t address, uintptr_t stack_pointer) {
  if (!host_is_libc() || host_bootstrap_holds(reinterpret_cast<const void*>(address)) ||
      core::system_calls_restricted()) {
    return nullptr;
  }
  if (core::module_at(reinterpret_cast<const void*>(address)) != nullptr) return "a module's data";
  core::MemoryArea area;
  if (find_known(address, &area) && may_be_block(address, area)) return nullptr;
  if (reading_count.fetch_add(1, std::memory_order_relaxed) >= kMostReadings) return nullptr;
  switch (core::find_memory_area(address, &area)) {
    case core::AreaAnswer::unknown:
      return nullptr;
    case core::AreaAnswer::none:
      return "unmapped memory";
    case core::AreaAnswer::found:
      return place_in(area, address, stack_pointer);
  }
  return nullptr;
}

bool families_are_apart() {
  Families known = families.load(std::memory_order_relaxed);
  if (known == Families::unknown) {
    known = is_replaced("_Znwm") || is_replaced("_ZdlPv") ? Families::mixed : Families::apart;
    families.store(known, std::memory_order_relaxed);
  }
  return known == Families::apart;  // guard: replaced-operators
}

}  // namespace weir::runtime

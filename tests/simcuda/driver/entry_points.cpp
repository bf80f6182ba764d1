#include "entry_points.h"

#include <cstring>

// By assembler name, free of what the toolkit's header declares.
#define SIMCUDA_ENTRY_POINT(name, version, per_thread, symbol) extern "C" char simcuda_##symbol[] __asm__(#symbol);
#include "entry_points.inc"
#undef SIMCUDA_ENTRY_POINT

namespace simcuda {
namespace {

constexpr EntryPoint kEntryPoints[] = {
#define SIMCUDA_ENTRY_POINT(name, version, per_thread, symbol) {name, version, per_thread, simcuda_##symbol},
#include "entry_points.inc"
#undef SIMCUDA_ENTRY_POINT
};

FoundEntryPoint find(const char* name, int version, bool per_thread, int newest) {
  FoundEntryPoint found;
  for (const EntryPoint& entry : kEntryPoints) {
    if (entry.per_thread != per_thread || strcmp(entry.name, name) != 0) continue;
    if (entry.version > newest) continue;
    found.is_known_name = true;
    if (entry.version <= version && (found.entry == nullptr || entry.version > found.entry->version)) {
      found.entry = &entry;
    }
  }
  return found;
}

}  // namespace

FoundEntryPoint find_entry_point(const char* name, int version, bool per_thread, int newest) {
  const FoundEntryPoint own = per_thread ? find(name, version, true, newest) : FoundEntryPoint{};
  if (own.entry != nullptr) return own;
  FoundEntryPoint found = find(name, version, false, newest);
  found.is_known_name |= own.is_known_name;
  return found;
}

}  // namespace simcuda

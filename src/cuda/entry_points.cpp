#include "cuda/entry_points.h"

#include <cstring>

#include "core/large_table.h"

namespace weir::cuda {
namespace {

// One text with where each name begins, not a table of addresses, which the loader would have to write at every start.
constexpr char kNames[] =
#define WEIR_CUDA_ENTRY(name, handler, signature) #name "\0"
#include "cuda/entry_points.def"
#undef WEIR_CUDA_ENTRY
    ;

struct NameStarts {
  uint16_t starts[kEntries];
};

consteval NameStarts starts_of_names() {
  NameStarts result{};
  size_t start = 0;
  for (uint16_t& of_name : result.starts) {
    of_name = static_cast<uint16_t>(start);
    while (kNames[start] != '\0') ++start;
    ++start;
  }
  return result;
}
constexpr NameStarts kNameStarts = starts_of_names();
static_assert(sizeof kNames <= UINT16_MAX);

uintptr_t first_export;  // 0 where there are none

}  // namespace

WEIR_LARGE_TABLE constinit EntryCounts entry_counts[kEntries]{};

const char* entry_name(Entry entry) { return kNames + kNameStarts.starts[index_of(entry)]; }

void set_exports(const void* first) { first_export = reinterpret_cast<uintptr_t>(first); }

void* export_of(Entry entry) {
  return first_export == 0 ? nullptr : reinterpret_cast<void*>(first_export + index_of(entry) * kExportBytes);
}

Entry find_entry(const char* name) {
  if (name[0] != 'c' || name[1] != 'u') return Entry::count;
  for (size_t i = 0; i < kEntries; ++i) {
    if (strcmp(entry_name(static_cast<Entry>(i)), name) == 0) return static_cast<Entry>(i);
  }
  return Entry::count;
}

bool is_base_name(const char* name) {
  const size_t length = strlen(name);
  for (size_t i = 0; i < kEntries; ++i) {
    const char* entry = entry_name(static_cast<Entry>(i));
    if (strncmp(entry, name, length) != 0) continue;
    const char* rest = entry + length;
    if (*rest == '\0' || strncmp(rest, "_v", 2) == 0 || strncmp(rest, "_pt", 3) == 0) return true;
  }
  return false;
}

void entry_counts_reset_after_fork() {
  for (EntryCounts& counts : entry_counts) {
    counts.call_count.store(0, std::memory_order_relaxed);
    counts.failed_count.store(0, std::memory_order_relaxed);
  }
}

}  // namespace weir::cuda

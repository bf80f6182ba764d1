#include "cuda/entry_points.h"

#include <cstring>

namespace weir::cuda {
namespace {

constexpr const char* kNames[kEntries] = {
#define WEIR_CUDA_ENTRY(name, handler, signature) #name,
#include "cuda/entry_points.def"
#undef WEIR_CUDA_ENTRY
};

}  // namespace

constinit EntryCounts entry_counts[kEntries]{};

const char* entry_name(Entry entry) { return kNames[index_of(entry)]; }

Entry find_entry(const char* name) {
  if (name[0] != 'c' || name[1] != 'u') return Entry::count;
  for (size_t i = 0; i < kEntries; ++i) {
    if (strcmp(kNames[i], name) == 0) return static_cast<Entry>(i);
  }
  return Entry::count;
}

void entry_counts_reset_after_fork() {
  for (EntryCounts& counts : entry_counts) {
    counts.call_count.store(0, std::memory_order_relaxed);
    counts.failed_count.store(0, std::memory_order_relaxed);
  }
}

}  // namespace weir::cuda

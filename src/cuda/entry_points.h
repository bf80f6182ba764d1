// The driver's functions that Weir stands before, by number, and what is counted of each.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir::cuda {

enum class Entry : uint16_t {
#define WEIR_CUDA_ENTRY(name, handler, signature) name,
#include "cuda/entry_points.def"
#undef WEIR_CUDA_ENTRY
  count
};
inline constexpr size_t kEntries = static_cast<size_t>(Entry::count);

inline constexpr size_t index_of(Entry entry) { return static_cast<size_t>(entry); }

const char* entry_name(Entry entry);

// The entry of that name; Entry::count where there is none. Cost: one comparison where the name does not begin with cu.
Entry find_entry(const char* name);

// Whether there is an entry of that name without what tells versions and default streams apart (_v2, _ptds, _ptsz).
bool is_base_name(const char* name);

// Weir's exports of the driver's names lie one behind the other in the list's order, each of so many bytes; where the first one lies is
// the preload's to tell.
inline constexpr size_t kExportBytes = 16;  // room for the longest jump that a program may write over one (UCX: 13)
void set_exports(const void* first);
void* export_of(Entry entry);  // nullptr before

struct EntryCounts {
  std::atomic<uint64_t> call_count;
  std::atomic<uint64_t> failed_count;
};
extern EntryCounts entry_counts[kEntries];

// In a forked child: its parent's calls are the parent's.
void entry_counts_reset_after_fork();

}  // namespace weir::cuda

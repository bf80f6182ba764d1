// Where the memory of a process was at its end: one table of the host, its devices and page-locked memory, that tells what the program
// holds from what lies idle, from what is lost in between, and from what others took.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/cuda_digest.h"
#include "cli/report_file.h"
#include "cli/summary_page.h"

namespace weir::cli {

// Bytes, all at the end of the process. total is the sum of the others where nothing outside of the program and Weir is known.
struct MemoryRow {
  std::string name;  // "host", "device 0", "pinned"
  uint64_t total_bytes = 0;
  uint64_t live_bytes = 0;  // in the program's hands
  uint64_t framework_bytes =
      0;                      // in those of a framework's own cache (framework_caches.h), which hands parts of it out
  uint64_t cached_bytes = 0;  // idle in the pool
  uint64_t quarantine_bytes = 0;
  uint64_t fragment_bytes = 0;  // of the pool, but of use to nobody
  uint64_t other_bytes = 0;     // of which Weir knows no more

  uint64_t known_bytes() const {
    return live_bytes + framework_bytes + cached_bytes + quarantine_bytes + fragment_bytes;
  }
};

// What frameworks' own caches hold, by row: of the leaks that are theirs.
class FrameworkCacheSums {
 public:
  void add(const std::string& memory, const std::string& device, uint64_t bytes);  // as a leak has them
  uint64_t bytes(const std::string& row) const;

 private:
  std::map<std::string, uint64_t> bytes_;
};

// The host, then each device, then page-locked memory; those of the latter two that hold any. host: of the one report that is covered.
std::vector<MemoryRow> memory_rows(const Json& host, const CudaDigest& cuda, const FrameworkCacheSums& caches);

// host: of the one report that the summary covers. Nothing where it has no CUDA device.
void write_memory_table(SummaryPage& page, const Json& host, const CudaDigest& cuda, const FrameworkCacheSums& caches,
                        Moment moment);

}  // namespace weir::cli

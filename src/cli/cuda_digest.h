// What a summary says of CUDA, taken from one report after another: devices, copies, what ended with its context, and
// requests that failed for want of memory. Nothing of it for reports that have nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/pool_digest.h"
#include "cli/report_file.h"
#include "cli/site.h"
#include "cli/stack_text.h"

namespace weir::cli {

struct CudaKind {
  std::string name;
  uint64_t alloc_count = 0, failed_count = 0;
  uint64_t live_count = 0, live_bytes = 0, live_taken_bytes = 0;
  uint64_t peak_bytes = 0;  // of the process with the highest
};

// A device by its number and name; several processes' figures are added up, peaks and the driver's are those of the highest.
struct CudaDevice {
  std::string index;  // empty: what belongs to no device
  std::string name;
  uint64_t live_bytes = 0;
  uint64_t peak_bytes = 0, peak_ns = 0;
  uint64_t used_bytes = 0, total_bytes = 0, driver_and_context_bytes = 0, driver_ns = 0;  // total 0: not known
  uint64_t report_count = 0;
  std::vector<CudaKind> kinds;
  PoolFigures pool, pinned_pool;  // of its memory, and of page-locked memory that its contexts allocated
};

// Copies or fills from one place.
struct CudaTransfers {
  std::string direction, host_memory, call;
  bool is_synchronous = false;
  uint64_t count = 0, bytes = 0, small_count = 0;
  uint64_t ns = 0;  // of synchronous ones
  std::vector<StackLine> stack;
};

struct OutOfMemory {
  Site request;
  uint64_t ns = 0;
  uint64_t live_bytes = 0, live_count = 0;  // on its device
  std::vector<Site> holders;                // most bytes first
};

class CudaDigest {
 public:
  // The report must be finished (finish_report).
  void add(const Json& report);

  const std::vector<CudaDevice>& devices() const { return devices_; }
  const std::vector<CudaTransfers>& transfers() const { return transfers_; }
  const std::vector<OutOfMemory>& out_of_memory() const { return out_of_memory_; }
  const PoolState& pool_state() const { return pool_state_; }
  uint64_t out_of_memory_left_out() const { return out_of_memory_left_out_; }
  bool was_not_tracked() const { return was_not_tracked_; }  // in a process that used CUDA

 private:
  void add_device(const Json& device);
  void add_transfers(const Json& report, const Json& entry);
  void add_out_of_memory(const Json& report, const Json& entry);

  std::vector<CudaDevice> devices_;
  std::vector<CudaTransfers> transfers_;
  std::vector<OutOfMemory> out_of_memory_;
  PoolState pool_state_;
  std::unordered_map<std::string, size_t> transfer_places_;
  uint64_t out_of_memory_left_out_ = 0;
  bool was_not_tracked_ = false;
};

}  // namespace weir::cli

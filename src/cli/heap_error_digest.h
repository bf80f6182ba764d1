// The heap errors of one report after another: misuse of the host's heap, and frees that CUDA's driver refused. Equal ones are one
// entry.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/report_file.h"
#include "cli/stack_text.h"

namespace weir::cli {

// The first one's address and times.
struct HeapError {
  std::string kind, call, address;
  std::string result;                      // the driver's; empty on the host
  std::string memory, device, alloc_call;  // memory empty: nothing is known of the block
  std::string place;                       // of a pointer that is no block's
  std::string said_bytes, said_alignment;  // by a sized or aligned delete
  uint64_t bytes = 0, align_bytes = 0;
  int64_t offset_bytes = 0;
  uint64_t ns = 0;
  bool has_block = false, was_freed = false;
  std::string free_ns, free_thread;  // empty: not known
  uint64_t count = 0;
  std::vector<StackLine> stack, alloc_stack, free_stack;
};

class HeapErrorDigest {
 public:
  // The report must be finished (finish_report).
  void add(const Json& report);

  const std::vector<HeapError>& errors() const { return errors_; }
  uint64_t left_out() const { return left_out_; }

 private:
  void add_error(HeapError error, uint64_t count);

  std::vector<HeapError> errors_;
  std::unordered_map<std::string, size_t> places_;
  uint64_t left_out_ = 0;
};

}  // namespace weir::cli

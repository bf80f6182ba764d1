// The driver's own record of what it was asked, to compare Weir's with: one line of JSON for each call, in the order in which they
// ended.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace simcuda {

class Call {
 public:
  explicit Call(const char* name) : name_(name) {}

  // What belongs in the line. Without any the call is logged only if it is one of memory_calls.inc or the settings ask for all.
  Call& number(std::string_view key, uint64_t value);
  Call& text(std::string_view key, std::string_view value);

  // Counts the call, where the settings ask for that.
  CUresult end(CUresult result);

 private:
  const char* name_;
  std::string fields_;
};

// A line of its own: what happened inside a call or in a stream.
void log_event(const char* what, uint64_t address, uint64_t bytes);

}  // namespace simcuda

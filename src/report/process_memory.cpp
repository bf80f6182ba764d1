#include "report/process_memory.h"

#include <cstddef>

#include "core/file_text.h"

namespace weir::report {
namespace {

constexpr size_t kStatusBytes = 2048;  // the lines wanted lie within the first 600 bytes

}  // namespace

ProcessMemory read_process_memory() {
  char status[kStatusBytes];
  ProcessMemory memory{};
  if (core::read_whole("/proc/self/status", status, sizeof status) == 0) return memory;
  memory.known = core::status_bytes(status, "VmRSS", &memory.rss_bytes) &&
                 core::status_bytes(status, "VmHWM", &memory.peak_rss_bytes);
  return memory;
}

}  // namespace weir::report

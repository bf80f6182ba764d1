#include "report/process_memory.h"

#include <cstddef>
#include <cstring>

#include "core/file_text.h"

namespace weir::report {
namespace {

constexpr size_t kStatusBytes = 2048;  // the lines wanted lie within the first 600 bytes
constexpr uint64_t kKibi = 1024;

}  // namespace

bool status_bytes(const char* status, const char* name, uint64_t* bytes) {
  const size_t length = strlen(name);
  const char* line = status;
  while (line != nullptr && (strncmp(line, name, length) != 0 || line[length] != ':')) {
    line = strchr(line, '\n');
    if (line != nullptr) ++line;
  }
  if (line == nullptr) return false;
  line += length + 1;
  while (*line == ' ' || *line == '\t') ++line;
  uint64_t kibi = 0;
  if (*line < '0' || *line > '9') return false;
  for (; *line >= '0' && *line <= '9'; ++line) kibi = kibi * 10 + static_cast<uint64_t>(*line - '0');
  *bytes = kibi * kKibi;
  return true;
}

ProcessMemory read_process_memory() {
  char status[kStatusBytes];
  ProcessMemory memory{};
  if (core::read_whole("/proc/self/status", status, sizeof status) == 0) return memory;
  memory.known =
      status_bytes(status, "VmRSS", &memory.rss_bytes) && status_bytes(status, "VmHWM", &memory.peak_rss_bytes);
  return memory;
}

}  // namespace weir::report

#include "cuda/pool/memory_limit.h"

#include <cstdint>
#include <cstring>

#include "core/file_text.h"
#include "core/print.h"

namespace weir::cuda::pool {
namespace {

constexpr size_t kMostText = 2048;
constexpr size_t kLongestPath = 512;

// The decimal number at the text's beginning, after spaces; false where there is none ("max").
bool number_at(const char* text, uint64_t* number) {
  while (*text == ' ') ++text;
  if (*text < '0' || *text > '9') return false;
  constexpr uint64_t kBase = 10;
  for (*number = 0; *text >= '0' && *text <= '9'; ++text)
    *number = *number * kBase + static_cast<uint64_t>(*text - '0');
  return true;
}

bool number_in(const char* folder, const char* file, uint64_t* number) {
  char path[kLongestPath];
  char text[64];
  core::TextBuffer name(path);
  name.text("/sys/fs/cgroup").text(folder).text(file);
  return core::read_whole(name.c_str(), text, sizeof text) != 0 && number_at(text, number);
}

// Of the process's own group, by its line "0::/folder"; 0 where it has no limit.
double group_memory_in_use() {
  char text[kMostText];
  if (core::read_whole("/proc/self/cgroup", text, sizeof text) == 0) return 0;
  char* folder = strstr(text, "0::/");
  if (folder == nullptr) return 0;
  folder += 3;
  if (char* end = strchr(folder, '\n')) *end = '\0';
  if (strcmp(folder, "/") == 0) *folder = '\0';
  uint64_t most = 0, used = 0;
  if (!number_in(folder, "/memory.max", &most) || !number_in(folder, "/memory.current", &used) || most == 0) return 0;
  return static_cast<double>(used) / static_cast<double>(most);
}

double machine_memory_in_use() {
  char text[kMostText];
  uint64_t total = 0, available = 0;
  if (core::read_whole("/proc/meminfo", text, sizeof text) == 0) return 0;
  if (!core::status_bytes(text, "MemTotal", &total) || !core::status_bytes(text, "MemAvailable", &available) ||
      total == 0)
    return 0;
  return 1 - static_cast<double>(available) / static_cast<double>(total);
}

}  // namespace

double host_memory_in_use() {
  const double group = group_memory_in_use();
  const double machine = machine_memory_in_use();
  return group > machine ? group : machine;
}

}  // namespace weir::cuda::pool

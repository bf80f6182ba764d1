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

// The folder of the process's own group, by its line "0::/folder", cut out of the text.
const char* own_group(char* text, size_t capacity) {
  if (core::read_whole("/proc/self/cgroup", text, capacity) == 0) return nullptr;
  char* folder = strstr(text, "0::/");
  if (folder == nullptr) return nullptr;
  folder += 3;
  if (char* end = strchr(folder, '\n')) *end = '\0';
  if (strcmp(folder, "/") == 0) *folder = '\0';
  return folder;
}

struct Memory {
  uint64_t most, used, idle_files;
};

uint64_t less(uint64_t from, uint64_t bytes) { return from > bytes ? from - bytes : 0; }

uint64_t available(const Memory& memory) { return less(memory.most, less(memory.used, memory.idle_files)); }

// Of the process's own group; 0 bytes where it has no limit.
Memory group_memory() {
  char text[kMostText];
  Memory memory{};
  const char* folder = own_group(text, sizeof text);
  if (folder == nullptr || !number_in(folder, "/memory.max", &memory.most)) return {};
  if (!number_in(folder, "/memory.current", &memory.used)) return {};
  char path[kLongestPath];
  char statistics[kMostText];
  core::TextBuffer name(path);
  name.text("/sys/fs/cgroup").text(folder).text("/memory.stat");
  if (core::read_whole(name.c_str(), statistics, sizeof statistics) == 0) return memory;
  const char* idle = strstr(statistics, "\ninactive_file ");
  if (idle != nullptr) number_at(idle + sizeof "\ninactive_file", &memory.idle_files);
  return memory;
}

// What the kernel calls available is not counted as used.
Memory machine_memory() {
  char text[kMostText];
  Memory memory{};
  uint64_t available_bytes = 0;
  if (core::read_whole("/proc/meminfo", text, sizeof text) == 0) return {};
  if (!core::status_bytes(text, "MemTotal", &memory.most) ||
      !core::status_bytes(text, "MemAvailable", &available_bytes)) {
    return {};
  }
  memory.used = less(memory.most, available_bytes);
  return memory;
}

double in_use(const Memory& memory) {
  return memory.most == 0 ? 0 : static_cast<double>(memory.used) / static_cast<double>(memory.most);
}

}  // namespace

double host_memory_in_use() {
  const double group = in_use(group_memory());
  const double machine = in_use(machine_memory());
  return group > machine ? group : machine;
}

HostMemory host_memory() {
  const Memory group = group_memory();
  const Memory machine = machine_memory();
  if (group.most == 0) return {machine.most, available(machine)};
  const uint64_t in_group = available(group);
  const uint64_t in_machine = available(machine);
  return {group.most < machine.most ? group.most : machine.most, in_group < in_machine ? in_group : in_machine};
}

}  // namespace weir::cuda::pool

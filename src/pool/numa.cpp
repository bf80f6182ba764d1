#include "pool/numa.h"

#include <algorithm>
#include <cstring>

#include "core/file_text.h"
#include "core/system_call.h"
#include "pool/pool_memory.h"

namespace weir::pool {
namespace {

constexpr size_t kReadBytes = 4096;
constexpr size_t kLineBytes = 512;

struct Overlap {
  uintptr_t address;
  bool inside;
};

bool in_pool(uintptr_t address) {
  Overlap overlap{address, false};
  for_each_pool_range(
      [](void* context, uintptr_t start, size_t bytes) {
        auto* wanted = static_cast<Overlap*>(context);
        if (wanted->address >= start && wanted->address < start + bytes) wanted->inside = true;
      },
      &overlap);
  return overlap.inside;
}

uint64_t parse_number(const char*& text, unsigned base) {
  uint64_t value = 0;
  for (;; ++text) {
    unsigned digit = 0;
    if (*text >= '0' && *text <= '9') {
      digit = static_cast<unsigned>(*text - '0');
    } else if (base == 16 && *text >= 'a' && *text <= 'f') {
      digit = static_cast<unsigned>(*text - 'a') + 10;
    } else {
      return value;
    }
    value = value * base + digit;
  }
}

// A line reads "7f0000000000 default anon=3 dirty=3 N0=3 kernelpagesize_kB=4".
size_t add_line(const char* line, uint64_t* bytes, size_t max_nodes) {
  const char* cursor = line;
  if (!in_pool(parse_number(cursor, 16))) return 0;
  uint64_t page_bytes = 4096;
  if (const char* size = strstr(line, "kernelpagesize_kB=")) {
    size += strlen("kernelpagesize_kB=");
    page_bytes = parse_number(size, 10) * 1024;
  }
  size_t nodes = 0;
  while ((cursor = strstr(cursor, " N")) != nullptr) {
    cursor += 2;
    const uint64_t node = parse_number(cursor, 10);
    if (*cursor != '=' || node >= max_nodes) continue;
    ++cursor;
    bytes[node] += parse_number(cursor, 10) * page_bytes;
    if (node + 1 > nodes) nodes = node + 1;
  }
  return nodes;
}

// False where the kernel does not tell.
bool has_one_node() {
  char online[16];
  return core::read_whole("/sys/devices/system/node/online", online, sizeof online) > 0 && strcmp(online, "0\n") == 0;
}

// In steps, so that what mincore says of each page fits on the stack.
void add_resident(void* context, uintptr_t start, size_t bytes) {
  constexpr size_t kPageBytes = 4096;
  unsigned char pages[4096];
  uint64_t resident = 0;
  for (size_t done = 0; done < bytes; done += sizeof pages * kPageBytes) {
    const size_t count = std::min(sizeof pages, (bytes - done + kPageBytes - 1) / kPageBytes);
    const long result = core::system_call(SYS_mincore, static_cast<long>(start + done),
                                          static_cast<long>(count * kPageBytes), core::as_argument(pages));
    for (size_t i = 0; !core::failed(result) && i < count; ++i) resident += pages[i] & 1U;
  }
  *static_cast<uint64_t*>(context) += resident * kPageBytes;
}

}  // namespace

uint64_t resident_pool_bytes() {
  uint64_t bytes = 0;
  for_each_pool_range(&add_resident, &bytes);
  return bytes;
}

size_t read_pool_numa_bytes(uint64_t* bytes, size_t max_nodes) {
  if (!has_one_node()) return read_numa_maps(bytes, max_nodes);
  bytes[0] += resident_pool_bytes();
  return 1;
}

size_t read_numa_maps(uint64_t* bytes, size_t max_nodes) {
  const int fd = core::open_file("/proc/self/numa_maps", O_RDONLY);
  if (fd < 0) return 0;
  size_t nodes = 0, line_length = 0;
  char line[kLineBytes];
  char buffer[kReadBytes];
  for (long got; (got = core::read_file(fd, buffer, sizeof buffer)) > 0;) {
    for (long i = 0; i < got; ++i) {
      if (buffer[i] != '\n') {
        if (line_length + 1 < sizeof line) line[line_length++] = buffer[i];
        continue;
      }
      line[line_length] = '\0';
      line_length = 0;
      const size_t seen = add_line(line, bytes, max_nodes);
      if (seen > nodes) nodes = seen;
    }
  }
  core::close_file(fd);
  return nodes;
}

}  // namespace weir::pool

#include "core/file_text.h"

#include <cstring>

#include "core/system_call.h"

namespace weir::core {

size_t read_whole(const char* path, char* buffer, size_t capacity) {
  const int fd = open_file(path, O_RDONLY);
  if (fd < 0) return 0;
  size_t used = 0;
  for (long got = 1; got > 0 && used < capacity - 1;) {
    got = read_file(fd, buffer + used, capacity - 1 - used);
    if (got > 0) used += static_cast<size_t>(got);
  }
  close_file(fd);
  buffer[used] = '\0';
  return used;
}

bool status_bytes(const char* status, const char* name, uint64_t* bytes) {
  constexpr uint64_t kKibi = 1024;
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

}  // namespace weir::core

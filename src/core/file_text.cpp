#include "core/file_text.h"

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

}  // namespace weir::core

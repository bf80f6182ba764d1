#include "leak/memory_map.h"

#include <fcntl.h>

#include <cstring>

#include "core/system_call.h"

namespace weir::leak {
namespace {

constexpr size_t kReadBytes = size_t{16} << 10;
constexpr size_t kLongestLine = 4352;  // a path of 4,096 bytes and what stands before it

bool hex_number(const char*& text, uintptr_t* value) {
  *value = 0;
  const char* const start = text;
  for (;; ++text) {
    if (*text >= '0' && *text <= '9') {
      *value = *value * 16 + static_cast<unsigned>(*text - '0');
    } else if (*text >= 'a' && *text <= 'f') {
      *value = *value * 16 + static_cast<unsigned>(*text - 'a' + 10);
    } else {
      return text != start;
    }
  }
}

const char* skip_word(const char* text) {
  while (*text != ' ' && *text != '\0') ++text;
  while (*text == ' ') ++text;
  return text;
}

bool begins_with(const char* text, const char* prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

// Memory of the program's that has a name, among the devices and the kernel's own pages, which have one too.
AreaKind kind_of(const char* name) {
  constexpr const char* kMemory[] = {"/dev/zero", "/dev/shm/", "/memfd:", "/SYSV"};
  if (name[0] == '\0') return AreaKind::anonymous;
  if (begins_with(name, "[stack")) return AreaKind::stack;
  if (begins_with(name, "[heap]") || begins_with(name, "[anon")) return AreaKind::anonymous;
  for (const char* memory : kMemory) {
    if (begins_with(name, memory)) return AreaKind::file;
  }
  return name[0] == '/' && !begins_with(name, "/dev/") && !begins_with(name, "/dmabuf:") && !begins_with(name, "/drm")
             ? AreaKind::file
             : AreaKind::special;
}

}  // namespace

// "7f0e1c000000-7f0e1c021000 rw-p 00000000 00:00 0                          /path"
bool parse_area(const char* line, Area* area) {
  if (!hex_number(line, &area->start) || *line++ != '-' || !hex_number(line, &area->end) || *line++ != ' ')
    return false;
  if (strlen(line) < 4) return false;
  area->readable = line[0] == 'r';
  area->writable = line[1] == 'w';
  area->executable = line[2] == 'x';
  area->shared = line[3] == 's';
  const char* name = line;
  for (int word = 0; word < 4; ++word) name = skip_word(name);  // access, offset, device, inode
  area->kind = kind_of(name);
  return area->end > area->start;
}

bool MemoryMap::add_line(const char* line) {
  Area area{};
  return !parse_area(line, &area) || areas_.push(area);
}

bool MemoryMap::read() {
  core::ScratchArray<char> buffer;
  if (!areas_.resize(0) || !buffer.resize(kReadBytes + kLongestLine)) return false;
  // The process's own is the first thread's, which is empty when that one has ended before the others.
  const int fd = core::open_file("/proc/thread-self/maps", O_RDONLY);
  if (fd < 0) return false;
  size_t kept = 0;  // bytes of a line whose end has not been read
  bool is_whole = true;
  long count = 0;
  while (is_whole && (count = core::read_file(fd, buffer.begin() + kept, kReadBytes)) > 0) {
    char* line = buffer.begin();
    char* const end = line + kept + count;
    while (auto* line_end = static_cast<char*>(memchr(line, '\n', static_cast<size_t>(end - line)))) {
      *line_end = '\0';
      is_whole = is_whole && add_line(line);
      line = line_end + 1;
    }
    kept = static_cast<size_t>(end - line);
    if (kept >= kLongestLine) is_whole = false;
    memmove(buffer.begin(), line, kept);
  }
  core::close_file(fd);
  return is_whole && count == 0 && areas_.size() > 0;
}

size_t MemoryMap::first_that_ends_above(uintptr_t address) const {
  size_t low = 0, high = areas_.size();
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (areas_[middle].end <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

const Area* MemoryMap::find(uintptr_t address) const {
  const size_t place = first_that_ends_above(address);
  return place < areas_.size() && areas_[place].start <= address ? &areas_[place] : nullptr;
}

const Area* MemoryMap::before(const Area& area) const {
  const Area* const below = find(area.start - 1);
  return below != nullptr && below->end == area.start ? below : nullptr;
}

}  // namespace weir::leak

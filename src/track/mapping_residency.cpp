#include "track/mapping_residency.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "core/system_call.h"

namespace weir::track {
namespace {

constexpr uintptr_t kPageBytes = 4096;
constexpr size_t kPagesPerQuestion = 2048;  // of mincore: one byte each on the stack
constexpr size_t kReadBytes = 4096;
constexpr size_t kLineBytes = 64;  // of a line's beginning: the addresses, or a figure; paths are not wanted

// One area of the kernel's.
struct Area {
  uintptr_t start;
  uintptr_t end;
  uint64_t resident_bytes;
};

// ---- Asking page by page, where an area is not the table's alone ----

uint64_t resident_in(uintptr_t start, uintptr_t end) {
  unsigned char in_memory[kPagesPerQuestion];
  uint64_t pages = 0;
  start &= ~(kPageBytes - 1);
  while (start < end) {
    const uintptr_t rest = (end - start + kPageBytes - 1) / kPageBytes;
    const uintptr_t count = rest < kPagesPerQuestion ? rest : kPagesPerQuestion;
    const long result = core::system_call(SYS_mincore, static_cast<long>(start), static_cast<long>(count * kPageBytes),
                                          core::as_argument(in_memory));
    if (core::failed(result)) break;
    for (uintptr_t i = 0; i < count; ++i) pages += in_memory[i] & 1;
    start += count * kPageBytes;
  }
  return pages * kPageBytes;
}

// ---- Sharing an area's resident bytes among the intervals in it ----

struct Overlap {
  Mapping mapping;
  uintptr_t start;
  uintptr_t end;
};

bool next_overlap(const Area& area, uintptr_t from, Overlap* overlap) {
  if (from >= area.end || !next_interval(from, area.end, &overlap->mapping)) return false;
  overlap->start = overlap->mapping.address > from ? overlap->mapping.address : from;
  overlap->end = overlap->mapping.end() < area.end ? overlap->mapping.end() : area.end;
  return true;
}

// The kernel joins neighbours that are alike, also the program's with ones it never asked for. An area that one interval
// fills has the kernel's own figure; of others each page is asked for, which is exact for anonymous memory.
void share_area(const Area& area) {
  if (area.resident_bytes == 0) return;
  Overlap overlap;
  for (uintptr_t from = area.start; next_overlap(area, from, &overlap); from = overlap.end) {
    const bool fills = overlap.start == area.start && overlap.end == area.end;
    uint64_t resident = fills ? area.resident_bytes : resident_in(overlap.start, overlap.end);
    if (resident > area.resident_bytes) resident = area.resident_bytes;
    add_resident(overlap.mapping, resident);
  }
}

// ---- /proc/self/smaps ----

bool hex_number(const char*& text, uintptr_t* value) {
  *value = 0;
  const char* start = text;
  for (;; ++text) {
    unsigned digit;
    if (*text >= '0' && *text <= '9') {
      digit = static_cast<unsigned>(*text - '0');
    } else if (*text >= 'a' && *text <= 'f') {
      digit = static_cast<unsigned>(*text - 'a' + 10);
    } else {
      return text != start;
    }
    *value = *value * 16 + digit;
  }
}

// "Rss:        12 kB"
bool resident_line(const char* line, uint64_t* bytes) {
  if (line[0] != 'R' || line[1] != 's' || line[2] != 's' || line[3] != ':') return false;
  line += 4;
  while (*line == ' ') ++line;
  uint64_t kilobytes = 0;
  for (; *line >= '0' && *line <= '9'; ++line) kilobytes = kilobytes * 10 + static_cast<uint64_t>(*line - '0');
  *bytes = kilobytes * 1024;
  return true;
}

// Follows the lines of smaps: an area's addresses, then its figures.
class AreaReader {
 public:
  explicit AreaReader(uint64_t newest_serial) : newest_serial_(newest_serial) {}

  void line(const char* text) {
    Area area{};
    const char* rest = text;
    if (hex_number(rest, &area.start) && *rest == '-' && hex_number(++rest, &area.end)) {
      drop_unmapped(last_end_, area.start, newest_serial_);
      area_ = area;
      last_end_ = area.end;
    } else if (resident_line(text, &area_.resident_bytes)) {
      share_area(area_);
    }
  }
  void finish() { drop_unmapped(last_end_, UINTPTR_MAX, newest_serial_); }

 private:
  uint64_t newest_serial_;
  uintptr_t last_end_ = 0;
  Area area_{};
};

// Hands every line's beginning to `reader`; false if reading failed on the way.
bool read_lines(int fd, AreaReader& reader) {
  char buffer[kReadBytes];
  char line[kLineBytes + 1];
  size_t length = 0;
  while (true) {
    const long count = core::read_file(fd, buffer, sizeof buffer);
    if (count <= 0) return count == 0;
    for (long i = 0; i < count; ++i) {
      if (buffer[i] != '\n') {
        if (length < kLineBytes) line[length++] = buffer[i];
        continue;
      }
      line[length] = '\0';
      reader.line(line);
      length = 0;
    }
  }
}

}  // namespace

bool measure_residency() {
  Mapping any;
  if (!next_interval(0, UINTPTR_MAX, &any)) {
    set_residency_known(true);
    return true;
  }
  const int fd = core::open_file("/proc/self/smaps", O_RDONLY);
  if (fd < 0) return false;
  AreaReader reader(begin_residency());
  const bool whole = read_lines(fd, reader);
  core::close_file(fd);
  if (whole) reader.finish();
  set_residency_known(whole);
  return whole;
}

}  // namespace weir::track

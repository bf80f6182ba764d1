#include "cuda/pool/surroundings.h"

#include <atomic>
#include <cstring>

#include "core/clock.h"
#include "core/confinement.h"
#include "core/system_call.h"
#include "cuda/pool/pool_control.h"

namespace weir::cuda::pool {
namespace {

constexpr uint64_t kShare = 100;  // at most one part in so many of the time is spent on looking
std::atomic<uint64_t> next_cycles{0};

struct Sign {
  const char* name;  // part of a file's name
  const char* why;
};
constexpr const char kSanitizer[] = "compute-sanitizer is in the process";
constexpr const char kRdma[] = "libibverbs is in the process: other devices may use the memory";
constexpr Sign kSigns[] = {
    {"/libsanitizer-collection", kSanitizer}, {"/libsanitizer-public", kSanitizer}, {"/libibverbs.so", kRdma}};

// A text's lines, read piece by piece: what a piece ends with in the middle of a line is kept for the next one.
class Lines {
 public:
  explicit Lines(int fd) : fd_(fd) {}

  // nullptr at the end. A line that is longer than the buffer comes in parts.
  const char* next() {
    for (;;) {
      char* end = static_cast<char*>(memchr(buffer_ + start_, '\n', used_ - start_));
      if (end != nullptr) {
        const char* line = buffer_ + start_;
        *end = '\0';
        start_ = static_cast<size_t>(end - buffer_) + 1;
        return line;
      }
      if (!read_more()) return nullptr;
    }
  }

 private:
  bool read_more() {
    if (start_ == 0 && used_ == sizeof buffer_) used_ = 0;
    memmove(buffer_, buffer_ + start_, used_ - start_);
    used_ -= start_;
    start_ = 0;
    const long got = core::read_file(fd_, buffer_ + used_, sizeof buffer_ - used_);
    if (got <= 0) return false;
    used_ += static_cast<size_t>(got);
    return true;
  }

  int fd_;
  size_t start_ = 0, used_ = 0;
  char buffer_[8192];
};

const char* find_limitation() {
  const int fd = core::open_file("/proc/self/maps", O_RDONLY);
  if (fd < 0) return nullptr;
  Lines lines(fd);
  const char* why = nullptr;
  for (const char* line = lines.next(); line != nullptr && why == nullptr; line = lines.next())
    why = limitation_by(line);
  core::close_file(fd);
  return why;
}

// Whether it is time; if so, no other thread looks meanwhile.
bool is_due(uint64_t now) {
  uint64_t next = next_cycles.load(std::memory_order_relaxed);
  return now >= next && next_cycles.compare_exchange_strong(next, UINT64_MAX, std::memory_order_relaxed);
}

}  // namespace

const char* limitation_by(const char* line) {
  for (const Sign& sign : kSigns) {
    if (strstr(line, sign.name) != nullptr) return sign.why;
  }
  return nullptr;
}

void look_around() {
  const uint64_t before = core::read_cycles();
  if (core::system_calls_restricted() || !is_due(before)) return;
  if (const char* why = find_limitation()) limit(why);
  const uint64_t after = core::read_cycles();
  next_cycles.store(after + (after - before) * kShare, std::memory_order_relaxed);
}

}  // namespace weir::cuda::pool

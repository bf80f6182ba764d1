#include "runtime/process_first.h"

#include <cstddef>
#include <cstring>

#include "core/print.h"
#include "core/system_call.h"

namespace weir::runtime {
namespace {

constexpr char kLibrary[] = "/libweir.so";
constexpr size_t kOverlap = sizeof kLibrary - 2;  // of two reads, so that a name across them is found
constexpr size_t kReadBytes = 4096;

bool contains(const char* text, size_t length, const char* word, size_t word_length) {
  return memmem(text, length, word, word_length) != nullptr;
}

bool maps_name_library(int fd) {
  char text[kOverlap + kReadBytes];
  size_t kept = 0;
  for (;;) {
    const long got = core::read_file(fd, text + kept, kReadBytes);
    if (got <= 0) return false;
    const size_t length = kept + static_cast<size_t>(got);
    if (contains(text, length, kLibrary, sizeof kLibrary - 1)) return true;
    kept = length < kOverlap ? length : kOverlap;
    memmove(text, text + length - kept, kept);
  }
}

}  // namespace

bool names_each_process(const char* pattern) {
  const char* last = pattern;
  for (const char* c = pattern; *c != '\0'; ++c) {
    last = c;
    if (*c != '%') continue;
    ++c;  // a pair: %% names nothing
    if (*c == 'p' || *c == 'n') return true;
    if (*c == '\0') return false;
  }
  return *last == '/';  // a folder: the report has the default name there
}

bool runs_under_weir(int pid) {
  char path[64];
  core::TextBuffer(path).text("/proc/").signed_decimal(pid).text("/maps");
  const int fd = core::open_file(path, O_RDONLY);
  if (fd < 0) return false;
  const bool found = maps_name_library(fd);
  core::close_file(fd);
  return found;
}

}  // namespace weir::runtime

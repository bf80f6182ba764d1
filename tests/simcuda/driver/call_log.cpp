#include "call_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <set>

#include "call_counts.h"
#include "settings.h"

namespace simcuda {
namespace {

bool is_logging() { return !settings().log_file.empty(); }

// By the name that it was called by; whatever it was given and whatever came of it.
bool is_memory_call(std::string_view name) {
  static const auto* const names = new std::set<std::string_view>{
#define SIMCUDA_MEMORY_CALL(name) #name,
#include "memory_calls.inc"
#undef SIMCUDA_MEMORY_CALL
  };
  return names->contains(name);
}

// Lines of several processes and threads may go to one file: each is one write.
void write_line(const std::string& line) {
  static const int fd = open(settings().log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd >= 0 && write(fd, line.data(), line.size()) < 0) return;
}

std::string line_of(const char* name, const std::string& fields) {
  return "{\"call\":\"" + std::string(name) + "\",\"pid\":" + std::to_string(getpid()) +
         ",\"tid\":" + std::to_string(gettid()) + fields + "}\n";
}

std::string field(std::string_view key, uint64_t value) {
  return ",\"" + std::string(key) + "\":" + std::to_string(value);
}

}  // namespace

Call& Call::number(std::string_view key, uint64_t value) {
  if (is_logging()) fields_ += field(key, value);
  return *this;
}

Call& Call::text(std::string_view key, std::string_view value) {
  if (is_logging()) fields_ += ",\"" + std::string(key) + "\":\"" + std::string(value) + "\"";
  return *this;
}

CUresult Call::end(CUresult result) {
  count_call(name_);
  if (!is_logging()) return result;
  if (settings().logs_all || !fields_.empty() || is_memory_call(name_))
    write_line(line_of(name_, fields_ + field("result", result)));
  return result;
}

void log_event(const char* what, uint64_t address, uint64_t bytes) {
  if (is_logging()) write_line(line_of(what, field("address", address) + field("bytes", bytes)));
}

}  // namespace simcuda

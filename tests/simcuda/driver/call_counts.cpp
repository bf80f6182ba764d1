#include "call_counts.h"

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <mutex>
#include <string_view>

#include "context.h"
#include "settings.h"

namespace simcuda {
namespace {

struct Counts {
  std::mutex mutex;
  std::map<std::string_view, uint64_t> calls;
};

// Never destroyed: written when the driver's own destructors run.
Counts& counts() {
  static auto* const all = new Counts;
  return *all;
}

__attribute__((destructor)) void write_counts() {
  if (settings().counts_file.empty()) return;
  const std::lock_guard guard(counts().mutex);
  std::ofstream file(settings().counts_file, std::ios::app);
  file << "{\"pid\":" << getpid() << ",\"calls\":{";
  const char* separator = "";
  for (const auto& [name, count] : counts().calls) {
    file << separator << '"' << name << "\":" << count;
    separator = ",";
  }
  file << "},\"devices\":[";
  for (int device = 0; device < device_count(); ++device) {
    file << (device == 0 ? "" : ",") << "{\"peak_bytes\":" << device_of(device).memory.peak_bytes() << '}';
  }
  file << "]}\n";
}

}  // namespace

void count_call(const char* name) {
  if (settings().counts_file.empty()) return;
  const std::lock_guard guard(counts().mutex);
  ++counts().calls[name];
}

}  // namespace simcuda

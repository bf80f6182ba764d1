#include "cli/runtime_allocations.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

// A leak belongs to an entry when the entry's function is among the innermost frames that lie in the entry's module, before
// the first frame of any other module: what the program itself asked a library to allocate (strdup, getline) never matches.
struct RuntimeAllocation {
  const char* name;
  const char* module;    // begins the file's name
  const char* function;  // nullptr: any; then `bytes` decides
  uint64_t bytes;        // of the single block; 0: any number of any size
};

constexpr RuntimeAllocation kRuntimeAllocations[] = {
    // The streams live until exit; a stream that the program forgets to close still shows by its own FILE.
    {"stdio buffers", "libc.so", "_IO_file_doallocate", 0},
    {"stdio buffers", "libc.so", "_IO_wfile_doallocate", 0},
    // Memory set aside for exceptions that are thrown when there is none: by libstdc++ 5 to 12, and since 13.
    {"libstdc++ emergency pool", "libstdc++.so", nullptr, 72704},
    {"libstdc++ emergency pool", "libstdc++.so", nullptr, 73728},
    // What the loader knows of the libraries that are open, and the threads' tables of TLS blocks.
    {"loader structures", "ld-linux", nullptr, 0},
    {"locale data", "libc.so", "setlocale", 0},
    {"locale data", "libc.so", "_nl_find_locale", 0},
    {"locale data", "libc.so", "_nl_load_locale", 0},
    {"locale data", "libc.so", "_nl_find_domain", 0},
    {"locale data", "libc.so", "bindtextdomain", 0},
    {"locale data", "libc.so", "textdomain", 0},
    {"locale data", "libc.so", "__wcsmbs_load_conv", 0},
    {"time zone", "libc.so", "tzset_internal", 0},
    {"time zone", "libc.so", "tzset", 0},
    {"exit handlers", "libc.so", "__new_exitfn", 0},
    // What CUDA's driver and its compilers allocate for themselves: it goes with the process.
    {"CUDA driver", "libcuda.so", nullptr, 0},
    {"CUDA driver", "libnvidia-", nullptr, 0},
    // What CUDA's runtime knows of the program's modules, kernels and contexts.
    {"CUDA runtime", "libcudart.so", nullptr, 0},
};

std::string module_name(const Json& report, const Json& frame) {
  const auto module = frame.find("module");
  if (module == frame.end() || !module->is_number_unsigned()) return {};
  return base_name(text_of(report["modules"][module->get<size_t>()], "path"));
}

bool runs(const Json& frame, std::string_view function) {
  if (text_of(frame, "function") == function) return true;
  const auto inlined = frame.find("inlined");
  if (inlined == frame.end()) return false;
  for (const Json& entry : *inlined) {
    if (text_of(entry, "function") == function) return true;
  }
  return false;
}

bool is_of(const RuntimeAllocation& known, const Json& report, const Json& leak) {
  if (known.bytes != 0 && (figure(leak, "bytes") != known.bytes || figure(leak, "count") != 1)) {
    return false;
  }
  for (const Json& index : report["stacks"][leak["stack"].get<size_t>()]) {
    const Json& frame = report["frames"][index.get<size_t>()];
    if (!module_name(report, frame).starts_with(known.module)) return false;
    if (known.function == nullptr || runs(frame, known.function)) return true;
  }
  return false;
}

}  // namespace

void name_runtime_allocations(Json& report) {
  for (Json& leak : report["leaks"]) {
    if (text_of(leak, "memory") != "host") continue;  // what CUDA gives through its runtime is the program's
    for (const RuntimeAllocation& known : kRuntimeAllocations) {
      if (!is_of(known, report, leak)) continue;
      leak["runtime"] = known.name;
      break;
    }
  }
}

}  // namespace weir::cli

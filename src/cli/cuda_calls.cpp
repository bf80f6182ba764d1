#include "cli/cuda_calls.h"

#include <cctype>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

// "cuda" or "cu", then a capital: CUDA's own way to name functions, which leaves out cuda_malloc_checked and cudart.
bool is_call_of(std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix) || name.size() == prefix.size()) return false;
  if (std::isupper(static_cast<unsigned char>(name[prefix.size()])) == 0) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
         std::string_view::npos;
}

// "cudart::cudaMalloc", "cudaMalloc<float>" -> "cudaMalloc"; empty where it is no call of the runtime's. The runtime's functions
// have C names: one with an argument list, or in another namespace, is the program's own.
std::string_view runtime_call(std::string_view function) {
  std::string_view name = function.substr(0, function.find('<'));
  const size_t scope = name.rfind("::");
  if (scope != std::string_view::npos) {
    if (name.find("cudart") >= scope) return {};
    name.remove_prefix(scope + 2);
  }
  return is_call_of("cuda", name) ? name : std::string_view();
}

// Also what lies between a call of the runtime's and the driver: in NVIDIA's archive libcudart_static_ and a hash.
bool is_of_runtime(std::string_view function) {
  return function.starts_with("cuda") || function.starts_with("__cuda") ||
         function.find("cudart") != std::string_view::npos;
}

// The outermost call among the innermost frames that are the runtime's and lie in one module; empty: none.
std::string runtime_call_on(const Json& report, const Json& stack) {
  std::string call;
  Json module;
  for (const Json& index : stack) {
    const Json& frame = report["frames"][index.get<size_t>()];
    const std::string function = text_of(frame, "function");
    if (!is_of_runtime(function)) break;
    if (module.is_null()) module = frame.value("module", Json());
    if (module != frame.value("module", Json())) break;
    if (const std::string_view name = runtime_call(function); !name.empty()) call = name;
  }
  return call;
}

class Namer {
 public:
  explicit Namer(Json& report) : report_(report) {}

  // entry[call_key], whose stack is entry[stack_key]
  void name(Json& entry, const char* call_key, const char* stack_key = "stack") const {
    if (entry.contains(stack_key)) name_on(entry, call_key, entry[stack_key].get<size_t>());
  }
  void name_on(Json& entry, const char* call_key, size_t stack) const {
    if (!is_call_of("cu", text_of(entry, call_key))) return;
    const std::string call = runtime_call_on(report_, report_["stacks"][stack]);
    if (!call.empty()) entry[call_key] = call;
  }
  template <class Name>
  void for_each(Json& owner, const char* key, const Name& name_entry) const {
    const auto entries = owner.find(key);
    if (entries == owner.end() || !entries->is_array()) return;
    for (Json& entry : *entries) name_entry(entry);
  }

 private:
  const Json& report_;
};

}  // namespace

bool is_cuda_runtime(std::string_view function) {
  return !runtime_call(function).empty() || function.starts_with("__cuda") ||
         function.find("cudart") != std::string_view::npos;
}

void name_cuda_calls(Json& report) {
  const Namer namer(report);
  namer.for_each(report, "leaks", [&](Json& leak) {
    namer.name(leak, "call");
    namer.for_each(leak, "samples",
                   [&](Json& sample) { namer.name_on(sample, "family", leak["stack"].get<size_t>()); });
  });
  namer.for_each(report, "large", [&](Json& block) { namer.name(block, "family"); });
  namer.for_each(report, "errors", [&](Json& error) {
    namer.name(error, "call");
    namer.name(error, "alloc_call", "alloc_stack");
  });
  namer.for_each(report, "out_of_memory", [&](Json& event) { namer.name(event, "call"); });
  if (report.contains("cuda")) {
    namer.for_each(report["cuda"], "transfers", [&](Json& transfers) { namer.name(transfers, "call"); });
  }
}

}  // namespace weir::cli

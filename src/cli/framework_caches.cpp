#include "cli/framework_caches.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/cuda_calls.h"
#include "cli/function_name.h"
#include "cli/json_access.h"
#include "symbolize/suppressions.h"

namespace weir::cli {
namespace {

using symbolize::Pattern;

// Patterns of functions without return type, template arguments and parameters. A name ends with "::" or "_" where it must not go on.
struct FrameworkCache {
  const char* name;
  std::vector<Pattern> own;  // the cache's
  std::vector<Pattern> way;  // by which it gets memory, between its own functions and CUDA's or the C library's
  bool calls_through_python = false;  // its functions call one another through the interpreter's C functions
};

std::vector<Pattern> patterns(std::initializer_list<const char*> texts) { return {texts.begin(), texts.end()}; }

// As their sources name them, in the namespaces of several years.
const std::vector<FrameworkCache>& framework_caches() {
  static const std::vector<FrameworkCache> caches = {
      // NativeCachingAllocator, its caller, calls CUDA itself where caching is switched off: it is not named here.
      {"PyTorch", patterns({"^c10::cuda::CUDACachingAllocator::*DeviceCachingAllocator::"}),
       patterns({"^c10::cuda::CUDACachingAllocator::*cudaMallocMaybeCapturing$",
                 "^c10::cuda::CUDACachingAllocator::*ExpandableSegment::", "^std::", "^ska::"})},
      {"PyTorch pinned",
       patterns({"^at::cuda::*CUDACachingHostAllocatorImpl::", "^at::cuda::*CUDAHostAllocator::",
                 "^at::CachingHostAllocatorImpl::"}),
       patterns({"^std::", "^ska::"})},
      {"CuPy", patterns({"^__pyx_*_4cupy_4cuda_6memory_22SingleDeviceMemoryPool_"}),
       patterns({"^__pyx_*_13cupy_backends_4cuda_3api_7runtime_", "^__pyx_*_4cupy_4cuda_6memory_", "^__Pyx_"}), true},
      {"CuPy pinned", patterns({"^__pyx_*_4cupy_4cuda_13pinned_memory_16PinnedMemoryPool_"}),
       patterns({"^__pyx_*_13cupy_backends_4cuda_3api_7runtime_", "^__pyx_*_4cupy_4cuda_13pinned_memory_", "^__Pyx_"}),
       true},
      {"RMM",
       patterns({"^rmm::mr::pool_memory_resource::", "^rmm::mr::detail::pool_memory_resource_impl::",
                 "^rmm::mr::arena_memory_resource::", "^rmm::mr::detail::arena_memory_resource_impl::",
                 "^rmm::mr::detail::arena::", "^rmm::mr::fixed_size_memory_resource::",
                 "^rmm::mr::detail::fixed_size_memory_resource_impl::"}),
       patterns({"^rmm::", "^cuda::", "^std::"})},
      {"TensorFlow and JAX", patterns({"^tsl::BFCAllocator::", "^tensorflow::BFCAllocator::"}),
       patterns({"^stream_executor::", "^tsl::", "^tensorflow::", "^xla::", "^absl::", "^std::"})},
  };
  return caches;
}
constexpr size_t kMostCaches = 8;

bool matches_any(const std::vector<Pattern>& patterns, const std::string& function) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const Pattern& pattern) { return pattern.matches(function); });
}

std::string module_name(const Json& report, const Json& frame) {
  const auto module = frame.find("module");
  if (module == frame.end() || !module->is_number_unsigned()) return {};
  return base_name(text_of(report["modules"][module->get<size_t>()], "path"));
}

bool is_cuda_module(const std::string& module) {
  return module.starts_with("libcudart.so") || module.starts_with("libcuda.so");
}

bool is_python_module(const std::string& module) {
  return module.starts_with("python3") || module.starts_with("libpython3");
}

// Which run a function of the program's own that is written in Python. They are exported: no interpreter is without their names.
bool evaluates_python(const std::string& function) {
  return function.starts_with("_PyEval_") || function.starts_with("PyEval_") || function == "_PyFunction_Vectorcall";
}

// What a frame says on the way outwards from where memory was allocated.
enum class Step : uint8_t { onward, cache, elsewhere };
using Steps = std::array<Step, kMostCaches>;

class Namer {
 public:
  explicit Namer(const Json& report) : report_(report) {}

  const char* cache_of(const Json& leak) {
    const std::string memory = text_of(leak, "memory");
    const bool is_cudas = memory != "host" && memory != "mmap";
    Steps reached{};  // Step::onward: still to be told
    for (const Json& index : report_["stacks"][leak["stack"].get<size_t>()]) {
      const Steps& steps = steps_of(index.get<size_t>(), is_cudas);
      bool may_follow = false;
      for (size_t i = 0; i < framework_caches().size(); ++i) {
        if (reached[i] != Step::onward) continue;
        reached[i] = steps[i];
        if (reached[i] == Step::cache) return framework_caches()[i].name;
        may_follow |= reached[i] == Step::onward;
      }
      if (!may_follow) return nullptr;
    }
    return nullptr;
  }

 private:
  const Steps& steps_of(size_t frame, bool is_cudas) {
    std::vector<std::optional<Steps>>& known = is_cudas ? of_cudas_ : of_hosts_;
    known.resize(std::max(known.size(), report_["frames"].size()));
    if (!known[frame]) known[frame] = find_steps(report_["frames"][frame], is_cudas);
    return *known[frame];
  }

  // Inlined calls first, which lie further in.
  Steps find_steps(const Json& frame, bool is_cudas) const {
    const std::string module = module_name(report_, frame);
    Steps steps{};
    for (const Json& call : array_of(frame, "inlined")) go_on(steps, text_of(call, "function"), module, is_cudas);
    go_on(steps, text_of(frame, "function"), module, is_cudas);
    return steps;
  }

  static void go_on(Steps& steps, const std::string& name, const std::string& module, bool is_cudas) {
    const std::string function = without_template_arguments(function_without_build(name), "");
    const bool is_cuda = is_cudas && (is_cuda_module(module) || is_cuda_runtime(function));
    for (size_t i = 0; i < framework_caches().size(); ++i) {
      if (steps[i] == Step::onward && !is_cuda) steps[i] = step(framework_caches()[i], function, module);
    }
  }

  static Step step(const FrameworkCache& cache, const std::string& function, const std::string& module) {
    if (matches_any(cache.own, function)) return Step::cache;  // guard: framework-cache
    if (matches_any(cache.way, function)) return Step::onward;
    const bool is_pythons = cache.calls_through_python && is_python_module(module);
    return is_pythons && !evaluates_python(function) ? Step::onward : Step::elsewhere;  // guard: framework-cache-way
  }

  const Json& report_;
  std::vector<std::optional<Steps>> of_cudas_, of_hosts_;  // by frame
};

}  // namespace

void name_framework_caches(Json& report) {
  Namer namer(report);
  for (Json& leak : report["leaks"]) {
    if (leak.contains("runtime") || leak.contains("framework_cache")) continue;
    if (const char* name = namer.cache_of(leak)) leak["framework_cache"] = name;
  }
}

}  // namespace weir::cli

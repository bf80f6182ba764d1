#include "cuda/hooks.h"

#include <string_view>

#include "cuda/handlers_context.h"
#include "cuda/handlers_copy.h"
#include "cuda/handlers_graph.h"
#include "cuda/handlers_memory.h"
#include "cuda/handlers_objects.h"
#include "cuda/signatures.h"
#include "stack/capture.h"

namespace weir::cuda {
namespace {

void* const* exports;

// How a program came to a wrapper decides what lies behind it.
enum class Route { exported, looked_up };

constexpr bool ends_with_thread_suffix(std::string_view name) {
  return name.ends_with("_ptds") || name.ends_with("_ptsz");
}

void count(Entry entry, Result result) {
  EntryCounts& counts = entry_counts[index_of(entry)];
  counts.call_count.fetch_add(1, std::memory_order_relaxed);
  if (result != Result::success) counts.failed_count.fetch_add(1, std::memory_order_relaxed);
}

template <Entry kEntry, Route kRoute, bool kOfThreadStream, class Handler, class Signature>
struct Hook;

template <Entry kEntry, Route kRoute, bool kOfThreadStream, class Handler, class... Arguments>
struct Hook<kEntry, kRoute, kOfThreadStream, Handler, Result(Arguments...)> {
  // Reads its own frame for the caller's registers, so it may not be inlined.
  [[gnu::noinline]] static Result run(Arguments... arguments) {
    const auto real = reinterpret_cast<Result (*)(Arguments...)>(
        kRoute == Route::exported ? function_behind_export(kEntry) : driver_function(kEntry));
    if (real == nullptr) return Result::not_initialized;  // an export without a driver behind it
    if (!takes_part() || InDriver::is_inside()) return real(arguments...);
    const Call call{kEntry, kOfThreadStream, WEIR_CALLER_REGISTERS()};
    const auto invoke = [&] {
      const InDriver in_driver;
      return real(arguments...);
    };
    const Result result = Handler::run(call, invoke, arguments...);
    count(kEntry, result);
    return result;
  }
};

// Within the list: the wrapper of one entry.
#define WEIR_CUDA_HOOK(route, name, handler_name, signature_name)                                                      \
  reinterpret_cast<void*>(                                                                                             \
      &weir::cuda::Hook<weir::cuda::Entry::name, weir::cuda::Route::route, weir::cuda::ends_with_thread_suffix(#name), \
                        weir::cuda::handler::handler_name, weir::cuda::signature::signature_name>::run)

void* const looked_up_hooks[kEntries] = {
#define WEIR_CUDA_ENTRY(name, handler, signature) WEIR_CUDA_HOOK(looked_up, name, handler, signature),
#include "cuda/entry_points.def"
#undef WEIR_CUDA_ENTRY
};

// Another library stands between Weir's export and the driver.
bool has_other_behind(Entry entry) {
  const void* behind = function_behind_export(entry);
  return behind != nullptr && behind != driver_function(entry);
}

}  // namespace

}  // namespace weir::cuda

// Where the exported names of preload/cuda.cpp lead to, in the list's order.
extern "C" [[gnu::visibility("hidden")]] void* const weir_cuda_export_hooks[weir::cuda::kEntries] = {
#define WEIR_CUDA_ENTRY(name, handler, signature) WEIR_CUDA_HOOK(exported, name, handler, signature),
#include "cuda/entry_points.def"
#undef WEIR_CUDA_ENTRY
};

namespace weir::cuda {

void set_exports(void* const* of_preload) { exports = of_preload; }

const void* export_of(Entry entry) { return exports == nullptr ? nullptr : exports[index_of(entry)]; }

// The export itself where it leads to the driver, so that a function has one address however a program comes to it.
void* hook_of(Entry entry) {
  if (!takes_part()) return driver_function(entry);
  if (exports != nullptr && !has_other_behind(entry)) return exports[index_of(entry)];
  return looked_up_hooks[index_of(entry)];
}

void* hook_instead_of(void* function) {
  const Entry entry = entry_at(function);
  return entry == Entry::count ? function : hook_of(entry);
}

}  // namespace weir::cuda

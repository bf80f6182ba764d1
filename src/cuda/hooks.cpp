#include "cuda/hooks.h"

#include <cstring>
#include <string_view>

#include "cuda/control.h"
#include "cuda/handlers_context.h"
#include "cuda/handlers_copy.h"
#include "cuda/handlers_current.h"
#include "cuda/handlers_graph.h"
#include "cuda/handlers_memory.h"
#include "cuda/handlers_objects.h"
#include "cuda/handlers_query.h"
#include "cuda/pool/out_of_memory_retry.h"
#include "cuda/signatures.h"
#include "stack/capture.h"

namespace weir::cuda {
namespace {

std::atomic<uint64_t> unrecognised{0};
char unrecognised_name[64];

void note_unrecognised(const char* name) {
  if (unrecognised.fetch_add(1, std::memory_order_relaxed) != 0) return;
  strncpy(unrecognised_name, name, sizeof unrecognised_name - 1);
}

// How a program came to a wrapper decides what lies behind it.
enum class Route { exported, looked_up };

void* function_behind(Route route, Entry entry) {
  return route == Route::exported && !holds_lock() ? function_behind_export(entry) : driver_function(entry);
}

constexpr bool ends_with_thread_suffix(std::string_view name) {
  return name.ends_with("_ptds") || name.ends_with("_ptsz");
}

void count(Entry entry, Result result) {
  if (!tracks_anything()) return;
  EntryCounts& counts = entry_counts[index_of(entry)];
  counts.call_count.fetch_add(1, std::memory_order_relaxed);
  if (result != Result::success) counts.failed_count.fetch_add(1, std::memory_order_relaxed);
}

[[gnu::noinline]] void serve_control() {
  if (settings().control_server != nullptr) settings().control_server();
}

// Its call may fail for want of memory that the pool could give back.
template <class Handler>
concept takes_memory = requires {
  Handler::kTakesMemory;
};

template <Entry kEntry, bool kOfThreadStream, class Handler, class Signature>
struct Hook;

template <Entry kEntry, bool kOfThreadStream, class Handler, class... Arguments>
struct Hook<kEntry, kOfThreadStream, Handler, Result(Arguments...)> {
  // Reads its own frame for the caller's registers, so it may not be inlined.
  template <Route kRoute>
  [[gnu::noinline]] static Result run(Arguments... arguments) {
    return call_through(function_behind(kRoute, kEntry), WEIR_CALLER_REGISTERS(), arguments...);
  }

 private:
  [[gnu::noinline]] static Result call_through(void* function, const stack::Registers& caller, Arguments... arguments) {
    const auto real = reinterpret_cast<Result (*)(Arguments...)>(function);
    if (real == nullptr) return Result::not_initialized;  // an export without a driver behind it
    // guard: device-signal
    if (!takes_part() || holds_lock() || InDriver::is_inside(caller.sp)) return real(arguments...);
    const Call call{kEntry, kOfThreadStream, function, caller};
    const auto invoke = [&] {
      const auto once = [&] { return call_driver<Arguments...>(call, arguments...); };
      if constexpr (takes_memory<Handler>) {
        return pool::with_retries(call, Handler::kTakesMemory, once);
      } else {
        return once();
      }
    };
    const Result result = Handler::run(call, invoke, arguments...);
    count(kEntry, result);
    if (result != Result::success) pool::note_result(call, result);
    if (is_control_due()) [[unlikely]]
      serve_control();
    return result;
  }
};

// Within the list: the wrapper of one entry.
#define WEIR_CUDA_HOOK(route, name, handler_name, signature_name)                            \
  reinterpret_cast<void*>(                                                                   \
      &weir::cuda::Hook<weir::cuda::Entry::name, weir::cuda::ends_with_thread_suffix(#name), \
                        weir::cuda::handler::handler_name,                                   \
                        weir::cuda::signature::signature_name>::template run<weir::cuda::Route::route>)

// Code and not a table: the loader would have to write each address of one at every start.
void* looked_up_hook(Entry entry) {
  switch (entry) {
#define WEIR_CUDA_ENTRY(name, handler, signature) \
  case Entry::name:                               \
    return WEIR_CUDA_HOOK(looked_up, name, handler, signature);
#include "cuda/entry_points.def"
#undef WEIR_CUDA_ENTRY
    case Entry::count:
      break;
  }
  return nullptr;
}

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

// The export itself where it leads to the driver, so that a function has one address however a program comes to it.
void* hook_of(Entry entry) {
  if (!takes_part()) return driver_function(entry);
  void* exported = export_of(entry);
  return exported != nullptr && !has_other_behind(entry) ? exported : looked_up_hook(entry);
}

void* hook_for_asked(const char* name, void* function) {
  if (entry_at(function) == Entry::count && name != nullptr && is_base_name(name)) note_unrecognised(name);
  return hook_instead_of(function);
}

uint64_t unrecognised_count() { return unrecognised.load(std::memory_order_relaxed); }

const char* first_unrecognised() { return unrecognised_name; }

void* hook_instead_of(void* function) {
  const Entry entry = entry_at(function);
  return entry == Entry::count ? function : hook_of(entry);
}

}  // namespace weir::cuda

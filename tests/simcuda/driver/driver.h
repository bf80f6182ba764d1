// What every file of the simulated driver includes: the driver's own header with all versions of each function declared by its
// exported name, and the frame in which an exported function runs.
#pragma once

#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>

#include <mutex>

#include "call_log.h"
#include "settings.h"

#define SIMCUDA_EXPORT extern "C" __attribute__((visibility("default")))

// A function in its two forms, of which the one with the suffix is that of programs for which null is the thread's own default stream.
// `call` sees which as `per_thread`, and `name_of_call`.
#define SIMCUDA_TWO_FORMS(name, suffix, parameters, call) \
  SIMCUDA_EXPORT CUresult name parameters {               \
    constexpr bool per_thread = false;                    \
    constexpr const char* name_of_call = #name;           \
    return call;                                          \
  }                                                       \
  SIMCUDA_EXPORT CUresult name##suffix parameters {       \
    constexpr bool per_thread = true;                     \
    constexpr const char* name_of_call = #name #suffix;   \
    return call;                                          \
  }

namespace simcuda {

// Ends a call with that result.
struct Refusal {
  CUresult result;
};
[[noreturn]] inline void refuse(CUresult result) { throw Refusal{result}; }
inline void require(bool holds, CUresult otherwise) {
  if (!holds) refuse(otherwise);
}
// What a map from handles to pointers has.
template <class Map>
auto& at_handle(Map& map, const typename Map::key_type& handle, CUresult otherwise) {
  const auto found = map.find(handle);
  require(found != map.end(), otherwise);
  return *found->second;
}
inline void require_argument(bool holds) { require(holds, CUDA_ERROR_INVALID_VALUE); }

// Guards all of the driver's state. What runs in a stream runs without it.
using Lock = std::unique_lock<std::mutex>;
extern std::mutex& driver_mutex();

// False until cuInit().
bool is_initialised();

// Runs an exported function: injects what the settings ask for, holds the lock, turns a refusal into the result, and logs the
// call. body(Lock&, Call&) returns nothing. Whether it needs cuInit() before it is the function's business.
template <class Body>
CUresult run_uninitialised(const char* name, Body body) {
  Call call(name);
  try {
    if (const CUresult injected = injected_result(name); injected != CUDA_SUCCESS) refuse(injected);
    Lock lock(driver_mutex());
    body(lock, call);
  } catch (const Refusal& refusal) {
    return call.end(refusal.result);
  } catch (const std::bad_alloc&) {
    return call.end(CUDA_ERROR_OUT_OF_MEMORY);
  }
  return call.end(CUDA_SUCCESS);
}

inline CUresult refused(const char* name, CUresult result) { return Call(name).end(result); }

template <class Body>
CUresult run(const char* name, Body body) {
  return run_uninitialised(name, [&](Lock& lock, Call& call) {
    require(is_initialised(), CUDA_ERROR_NOT_INITIALIZED);
    body(lock, call);
  });
}

}  // namespace simcuda

// The steps of an allocation that whole blocks serve, for device and for pinned memory.
//
// Any thread. A hit makes no call to the driver and takes one short lock; what it costs is held by tests/run/test_cuda_pool_cost.py.
#pragma once

#include "cuda/pool/pool_contexts.h"
#include "cuda/pool/pool_control.h"
#include "cuda/tracking.h"

namespace weir::cuda::pool {

struct Request;

// What was taken for a request. As long as take() says nothing else, it came from the driver and is what was asked for.
struct Taken {
  Address address;
  uint64_t bytes;  // where they are not the request's, the memory can be no block: the program has it from the driver
  uint64_t shape;
  bool is_hit;  // the driver was not called
};

struct Request {
  Memory memory;
  uint64_t asked_bytes;
  uint64_t taken_bytes;  // what a block for it has
  uint64_t shape;        // see BinKey; of device memory 0: it is linear, and may be a part of a segment
  // Takes so many bytes from the driver by the function that the program called. Out of memory is returned as it is.
  Result (*take)(const Call& call, const Request& request, uint64_t bytes, Taken* taken);
  const void* arguments = nullptr;  // for take(): what else the program said
};

struct Given {
  bool is_passed;    // the pool takes no part: the driver is to serve the call as the program made it
  bool from_driver;  // the driver has less memory than before
  Address address;
  Place place;
};

inline constexpr Given kPassed{true, false, 0, {}};

// A request that the pool leaves to the driver is counted, and success.
Result pass(Memory memory, const ContextState* context, Given* given);

// Where the result is success and `given` is not passed, given->address is the program's.
Result allocate(const Call& call, const Request& request, Given* given);

// Whether mode and limitations let the pool serve a call about that memory at all; and a context, nullptr included.
bool serves(const Call& call, Memory memory);
bool can_serve(const ContextState* context);

// An address that the driver knows nothing of: calls about memory that the program has freed are made with it, so that the answer is
// the driver's own.
inline constexpr Address kNoAddress = 1;

}  // namespace weir::cuda::pool

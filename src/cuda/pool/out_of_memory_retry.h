// A call for memory that the driver refused for want of it, while the pool keeps some: everything idle goes back to the driver, and the call
// is made again. What the program would have without the pool it then has too.
#pragma once

#include "cuda/call.h"
#include "cuda/driver_types.h"

namespace weir::cuda::pool {

// Where the call's memory comes from. What is idle elsewhere would not help, and its return may wait: for another device's work, which may
// last for ever, or until this thread goes on.
enum class From : uint8_t { anywhere, current_device };

class OutOfMemoryRetry {
 public:
  // Before the first attempt.
  OutOfMemoryRetry(const Call& call, From from);
  OutOfMemoryRetry(const OutOfMemoryRetry&) = delete;
  OutOfMemoryRetry& operator=(const OutOfMemoryRetry&) = delete;

  // After an attempt that was out of memory: whether the driver has more since that attempt began.
  bool is_worth_while();

  // Counts what came of it.
  Result finish(Result result) const;

 private:
  void give_back() const;

  const Call& call_;
  From from_;
  uint64_t returns_before_;
  int retries_ = 0;
};

// Makes a call of the program's, again where it is worth while.
template <class Invoke>
Result with_retries(const Call& call, From from, const Invoke& invoke) {
  OutOfMemoryRetry retry(call, from);
  Result result = invoke();
  while (result == Result::out_of_memory && retry.is_worth_while()) result = invoke();
  return retry.finish(result);
}

}  // namespace weir::cuda::pool

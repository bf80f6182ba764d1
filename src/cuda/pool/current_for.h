// A context that is made the calling thread's for a scope, for calls of the pool's own.
#pragma once

#include "cuda/driver.h"
#include "cuda/pool/pool_contexts.h"

namespace weir::cuda::pool {

// Makes no call where the context is current already. The thread must be marked as being in the driver (InDriver).
class CurrentFor {
 public:
  CurrentFor(const Call& call, uint64_t handle) : driver_(driver_queries()) {
    const ContextState* now = current_context(call);
    if (now != nullptr && now->handle == handle) {
      is_current_ = true;
    } else if (driver_.push_context != nullptr && driver_.pop_context != nullptr) {
      is_pushed_ = is_current_ = driver_.push_context(reinterpret_cast<Context>(handle)) == Result::success;
    }
  }
  ~CurrentFor() {
    Context context = nullptr;
    if (is_pushed_) driver_.pop_context(&context);
  }
  CurrentFor(const CurrentFor&) = delete;
  CurrentFor& operator=(const CurrentFor&) = delete;

  bool is_current() const { return is_current_; }

 private:
  const DriverQueries& driver_;
  bool is_pushed_ = false;
  bool is_current_ = false;
};

}  // namespace weir::cuda::pool

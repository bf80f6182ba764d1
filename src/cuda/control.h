// Where the wishes of another process come in: the hooks look for them after each call, the composer serves them.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::cuda {

// The word that another process sets when it wants something; nullptr while none can. Shared memory: read only.
inline constinit std::atomic<const std::atomic<uint32_t>*> control_attention{nullptr};

// The server is also called now and then unasked: it makes what others ask by, and brings its figures up to date.
inline constexpr uint32_t kCallsBetweenServings = 16;
extern thread_local constinit uint32_t calls_of_thread __attribute__((tls_model("initial-exec")));

// Whether the server is to be called now, after a call of the thread's; its first one counts. Cost: two loads, one store.
inline bool is_control_due() {
  if (calls_of_thread++ % kCallsBetweenServings == 0) return true;
  const std::atomic<uint32_t>* attention = control_attention.load(std::memory_order_acquire);
  return attention != nullptr && attention->load(std::memory_order_relaxed) != 0;
}

}  // namespace weir::cuda

// C++ coroutines suspended for ever, one whose handle is held and one whose handle is lost: reachable 1 x 512 + 1 x 32, definite 1 x 512, indirect 1 x 40.
// Flags: -std=c++20 -fcoroutines
// Compilers: g++
#include <coroutine>

#include "leak.h"

// Every frame has this many bytes, whatever the compiler needs of them.
enum { kFrameBytes = 512 };

struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
    static void* operator new(size_t bytes) { return bytes <= kFrameBytes ? calloc(1, kFrameBytes) : nullptr; }
    static void operator delete(void* frame) { free(frame); }
  };
  std::coroutine_handle<promise_type> handle;
};

static void* volatile held;

OWN_FRAME void* keep_one() {
  void* block = block_of(32);
  use(block);
  return block;
}

OWN_FRAME void* leak_one() {
  void* block = block_of(40);
  use(block);
  return block;
}

Task wait_with(void* (*take)()) {
  void* volatile own = take();
  co_await std::suspend_always{};
  use(own);
}

OWN_FRAME void keep_task() { held = wait_with(keep_one).handle.address(); }
OWN_FRAME void leak_task() { use(wait_with(leak_one).handle.address()); }

int main() {
  keep_task();
  leak_task();
  scrub();
}

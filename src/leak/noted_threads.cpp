#include "leak/noted_threads.h"

#include <cstddef>

namespace weir::leak {
namespace {

// A place may be taken by another address: that thread's stack then counts as memory of the program's, which accuses nobody.
constexpr size_t kPlaces = 1024;
constexpr int kPageShift = 12;
uintptr_t noted[kPlaces];

uintptr_t* place_of(uintptr_t thread_pointer) {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  return &noted[((thread_pointer >> kPageShift) * kMultiplier >> 40) % kPlaces];
}

}  // namespace

void note_thread(uintptr_t thread_pointer) {
  // The first thread's control block is not on its stack.
  constexpr uintptr_t kLargestStack = uintptr_t{1} << 30;
  if (thread_pointer - reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) > kLargestStack) return;
  __atomic_store_n(place_of(thread_pointer), thread_pointer, __ATOMIC_RELAXED);
}

void for_each_noted_thread(void (*visit)(void* context, uintptr_t thread_pointer), void* context) {
  for (const uintptr_t& place : noted) {
    const uintptr_t thread_pointer = __atomic_load_n(&place, __ATOMIC_RELAXED);
    if (thread_pointer != 0) visit(context, thread_pointer);
  }
}

}  // namespace weir::leak

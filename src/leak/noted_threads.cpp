#include "leak/noted_threads.h"

#include <dlfcn.h>

#include <cstddef>

#include "core/large_table.h"

namespace weir::leak {
namespace {

// A place may be taken by another address: that thread's stack then counts as memory of the program's, which accuses nobody.
constexpr size_t kPlaces = 1024;
constexpr int kPageShift = 12;
WEIR_LARGE_TABLE uintptr_t noted[kPlaces];

uint32_t offset_of_tid;  // in a control block; 0: not known

uintptr_t* place_of(uintptr_t thread_pointer) {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  return &noted[((thread_pointer >> kPageShift) * kMultiplier >> 40) % kPlaces];
}

}  // namespace

// Of a field: its size in bits, how many there are, and where it is (glibc's nptl_db, for libthread_db).
void learn_control_block() {
  const auto* const field =
      static_cast<const uint32_t*>(dlvsym(RTLD_DEFAULT, "_thread_db_pthread_tid", "GLIBC_PRIVATE"));
  if (field == nullptr) dlerror();  // the program must not find it
  if (field != nullptr && field[0] == 32) offset_of_tid = field[2];
}

// pthread_join leaves -1 for the number of a thread that is gone; the kernel leaves 0 when it ends.
bool was_joined(uintptr_t thread_pointer) {
  return offset_of_tid != 0 && *reinterpret_cast<const int32_t*>(thread_pointer + offset_of_tid) == -1;
}

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

// Frees a block of each family by each family's function, the right one among them; with an argument in a process of several threads.
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>

namespace {

enum Family { kMalloc, kNew, kArray, kAlignedNew, kAlignedArray, kFamilies };
constexpr std::align_val_t kAlignment{64};

template <int kFamily>
void* allocate() {
  if constexpr (kFamily == kMalloc) return malloc(100);
  if constexpr (kFamily == kNew) return operator new(100);
  if constexpr (kFamily == kArray) return operator new[](100);
  if constexpr (kFamily == kAlignedNew) return operator new(100, kAlignment);
  if constexpr (kFamily == kAlignedArray) return operator new[](100, kAlignment);
}

template <int kFamily>
void release(void* block) {
  if constexpr (kFamily == kMalloc) free(block);
  if constexpr (kFamily == kNew) operator delete(block);
  if constexpr (kFamily == kArray) operator delete[](block);
  if constexpr (kFamily == kAlignedNew) operator delete(block, kAlignment);
  if constexpr (kFamily == kAlignedArray) operator delete[](block, kAlignment);
}

template <int kAllocated, int kReleased>
[[gnu::noinline]] void pair() {
  void* volatile first = allocate<kAllocated>();
  void* volatile second = allocate<kAllocated>();  // the latest allocation is freed in a way of its own
  release<kReleased>(first);
  release<kReleased>(second);
  if constexpr (kReleased + 1 < kFamilies) {
    pair<kAllocated, kReleased + 1>();
  } else if constexpr (kAllocated + 1 < kFamilies) {
    pair<kAllocated + 1, 0>();
  }
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) std::thread([] {}).join();
  pair<0, 0>();
  puts("alive");
  return 0;
}

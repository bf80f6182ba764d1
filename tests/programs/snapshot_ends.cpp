// A thread allocates, and so writes the snapshots, of which there is much to write; the main thread ends the process when its input does.
#include <unistd.h>

#include "leak.h"

namespace {

template <int kDepth, int kSide>
OWN_FRAME void* allocate_below(unsigned path) {
  if constexpr (kDepth == 0) {
    return block_of(32 + kSide);
  } else {
    void* block = (path & 1) != 0 ? allocate_below<kDepth - 1, 1>(path >> 1) : allocate_below<kDepth - 1, 0>(path >> 1);
    use(block);
    return block;
  }
}

void* run(void*) {
  for (;;) free(block_of(32));
}

}  // namespace

int main() {
  constexpr int kDepth = 14;
  constexpr unsigned kStacks = 1U << kDepth;
  static void* volatile kept[kStacks];
  for (unsigned path = 0; path < kStacks; ++path) kept[path] = allocate_below<kDepth, 0>(path);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, run, nullptr) != 0) return 1;
  usleep(200'000);
  if (write(1, "running\n", 8) != 8) return 1;
  char byte;
  return read(0, &byte, 1) == 0 ? 0 : 1;
}

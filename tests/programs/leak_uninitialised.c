// Lost blocks, and held ones to which nothing was ever written, so that the allocator's own notes may be left in them: definite 20 x 64, reachable 20 x 64.
#include "leak.h"

static void* volatile held[20];

static OWN_FRAME void* keep_one(void) {
  void* block = malloc(64);
  use(block);
  return block;
}

static OWN_FRAME void leak_one(void) { use(malloc(64)); }

int main(void) {
  for (int i = 0; i < 20; ++i) {
    held[i] = keep_one();
    leak_one();
  }
  scrub();
  return 0;
}

// Pointers left below a frame that is still in use when a deeper call ends the process: definite 2 x 24, reachable 1 x 24.
#include "leak.h"

static OWN_FRAME void leak_on_stack(void) {
  void* volatile frame[64];
  void* blocks[2] = {block_of(24), block_of(24)};
  for (int i = 0; i < 64; ++i) frame[i] = blocks[i % 2];
  use(frame);
}

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(24);
  use(block);
  return block;
}

static OWN_FRAME void end_deeper(void) {
  void* volatile own = keep_one();
  use((void*)&own);
  exit(0);
}

int main(void) {
  leak_on_stack();
  scrub();
  end_deeper();
}

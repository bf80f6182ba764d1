// Pointers left all over frames that have returned before main calls exit: definite 3 x 24.
// Valgrind: not compared: it looks from the frames of exit upward, where stale words lie.
// LSan: may take stale words for pointers, as it looks from the frames of exit upward.
#include "leak.h"

static OWN_FRAME void leak_on_stack(void) {
  void* volatile frame[512];
  void* blocks[3] = {block_of(24), block_of(24), block_of(24)};
  for (int i = 0; i < 512; ++i) frame[i] = blocks[i % 3];
  use(frame);
}

int main(void) {
  leak_on_stack();
  exit(0);
}

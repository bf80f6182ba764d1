// Blocks that only main's own variables held when main returned: definite 4 x 24.
// Valgrind: not compared: it looks from the frames of exit upward, and main's stale frame lies there.
// LSan: looks from the frames of exit upward, where main's stale frame lies.
#include "leak.h"

static OWN_FRAME void leak_into(void* volatile* places) {
  for (int i = 0; i < 4; ++i) places[i] = block_of(24);
}

int main(void) {
  void* volatile own[64];
  leak_into(own);
  for (int i = 4; i < 64; ++i) own[i] = own[i % 4];
  scrub();
  return 0;
}

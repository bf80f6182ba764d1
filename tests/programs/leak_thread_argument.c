// The argument of a running thread, which the C library holds for it: reachable 1 x 32.
// LSan: does not look at the C library's block of a thread.
#include "leak.h"

static volatile int ready;

static void* stay(void* argument) {
  argument = NULL;
  use(&argument);
  ready = 1;
  for (;;) pause();
  return NULL;
}

static OWN_FRAME void* keep_argument(void) {
  void* block = block_of(32);
  use(block);
  return block;
}

int main(void) {
  start_thread(stay, keep_argument());
  wait_for(&ready);
  scrub();
  return 0;
}

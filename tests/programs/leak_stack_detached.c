// What a detached thread holds that still runs: reachable 1 x 24.
#include "leak.h"

static volatile int ready;

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(24);
  use(block);
  return block;
}

static void* stay(void* unused) {
  void* volatile own = keep_one();
  pthread_detach(pthread_self());
  ready = 1;
  for (;;) pause();
  use(own);
  return unused;
}

int main(void) {
  start_thread(stay, NULL);
  wait_for(&ready);
  scrub();
  return 0;
}

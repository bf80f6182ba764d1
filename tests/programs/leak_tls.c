// Thread-local variables of main, of a running thread and of a finished one: reachable 2 x 32, definite 1 x 40.
#include "leak.h"

static __thread void* volatile own;
static volatile int ready;

static OWN_FRAME void keep_own(void) { own = block_of(32); }
static OWN_FRAME void leak_own(void) { own = block_of(40); }

static void* finish(void* unused) {
  leak_own();
  return unused;
}

static void* stay(void* unused) {
  keep_own();
  ready = 1;
  for (;;) pause();
  return unused;
}

int main(void) {
  keep_own();
  run_thread(finish, NULL);
  usleep(1000);
  start_thread(stay, NULL);
  wait_for(&ready);
  scrub();
  return 0;
}

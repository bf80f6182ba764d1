// What threads hold that block every signal, in a call and in a loop: reachable 2 x 24.
#include <signal.h>

#include "leak.h"

static volatile int ready[2];
static volatile int running = 1;

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(24);
  use(block);
  return block;
}

static void* stay(void* which) {
  sigset_t all;
  void* volatile own = keep_one();
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  ready[(intptr_t)which] = 1;
  if (which == NULL) {
    for (;;) pause();
  }
  while (running) {
  }
  use(own);
  return NULL;
}

int main(void) {
  start_thread(stay, (void*)0);
  start_thread(stay, (void*)1);
  wait_for(&ready[0]);
  wait_for(&ready[1]);
  scrub();
  return 0;
}

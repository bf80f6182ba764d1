// What only the stacks of finished threads still tell of, joined and detached, while their stacks are kept for the next: definite 2 x 24.
#include "leak.h"

static volatile int finished;

static OWN_FRAME void leak_on_stack(void) {
  void* volatile frame[512];
  void* block = block_of(24);
  for (int i = 0; i < 512; ++i) frame[i] = block;
  use(frame);
}

static void* joined(void* unused) {
  leak_on_stack();
  return unused;
}

static void* detached(void* unused) {
  pthread_detach(pthread_self());
  leak_on_stack();
  finished = 1;
  return unused;
}

int main(void) {
  run_thread(joined, NULL);
  start_thread(detached, NULL);
  wait_for(&finished);
  usleep(50000);  // the thread is through with its last instructions
  scrub();
  return 0;
}

// What finished threads returned and nobody asked for, of a joined one and of one that waits to be joined: definite 1 x 40, reachable 1 x 32.
// LSan: does not look at the C library's block of a thread.
#include "leak.h"

static volatile int finished;
static pthread_t waiting;

static OWN_FRAME void* leak_result(void* unused) {
  use(unused);
  void* block = block_of(40);
  use(block);
  return block;
}

static OWN_FRAME void* keep_result(void* unused) {
  use(unused);
  void* block = block_of(32);
  use(block);
  finished = 1;
  return block;
}

int main(void) {
  run_thread(leak_result, NULL);
  pthread_create(&waiting, NULL, keep_result, NULL);
  wait_for(&finished);
  usleep(50000);  // its result is in the thread's own block of the C library's, where pthread_join would find it
  scrub();
  return 0;
}

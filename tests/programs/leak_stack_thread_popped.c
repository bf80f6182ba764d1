// Pointers left on a waiting thread's stack by calls that have returned: definite 2 x 24.
#include "leak.h"

static volatile int ready;

static OWN_FRAME void leak_on_stack(void) {
  void* volatile frame[512];
  void* blocks[2] = {block_of(24), block_of(24)};
  for (int i = 0; i < 512; ++i) frame[i] = blocks[i % 2];
  use(frame);
}

// Deep enough that no frame of what the thread does afterwards takes its place.
static OWN_FRAME void leak_deep(int left) {
  volatile char room[1024];
  room[0] = 0;
  if (left > 0)
    leak_deep(left - 1);
  else
    leak_on_stack();
  use(room);
}

static void* wait_for_ever(void* unused) {
  leak_deep(8);
  clear_registers();
  ready = 1;
  for (;;) pause();
  return unused;
}

int main(void) {
  start_thread(wait_for_ever, NULL);
  wait_for(&ready);
  return 0;
}

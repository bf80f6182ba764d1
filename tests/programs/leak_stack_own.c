// A running thread whose stack is a block of the heap that nothing else points to, and what the thread holds: reachable 1 x 1048576 + 1 x 32.
#include "leak.h"

enum { kStackBytes = 1 << 20 };

static volatile int ready;

static OWN_FRAME void* keep_one(void) { return block_of(32); }

static OWN_FRAME void* keep_stack(void) {
  void* stack = NULL;
  if (posix_memalign(&stack, 4096, kStackBytes) != 0) abort();
  return memset(stack, 0, kStackBytes);
}

static void* stay(void* unused) {
  void* volatile own = keep_one();
  ready = 1;
  for (;;) pause();
  use(own);
  return unused;
}

static OWN_FRAME void start_on(void* stack) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, kStackBytes);
  if (pthread_create(&thread, &attributes, stay, NULL) != 0) abort();
  memset(&attributes, 0, sizeof attributes);
  use(&attributes);
}

int main(void) {
  start_on(keep_stack());
  wait_for(&ready);
  scrub();
  return 0;
}

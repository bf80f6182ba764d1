// Thread-specific data, of the 32 keys that a thread has at once and of later ones, in main and in a running thread: reachable 4 x 32.
#include "leak.h"

static pthread_key_t keys[200];
static volatile int ready;

static OWN_FRAME void keep_values(void) {
  pthread_setspecific(keys[5], block_of(32));
  pthread_setspecific(keys[150], block_of(32));
}

// The C library's block for the later keys is none of the program's.
static void prepare(void) { pthread_setspecific(keys[150], &ready); }

static void* stay(void* unused) {
  prepare();
  keep_values();
  ready = 1;
  for (;;) pause();
  return unused;
}

int main(void) {
  for (int i = 0; i < 200; ++i) pthread_key_create(&keys[i], NULL);
  prepare();
  keep_values();
  start_thread(stay, NULL);
  wait_for(&ready);
  scrub();
  return 0;
}

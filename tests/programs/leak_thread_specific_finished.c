// Thread-specific data of a finished thread, of keys without a destructor: definite 2 x 40.
#include "leak.h"

static pthread_key_t keys[200];

static OWN_FRAME void leak_values(void) {
  pthread_setspecific(keys[5], block_of(40));
  pthread_setspecific(keys[150], block_of(40));
}

static void* finish(void* unused) {
  pthread_setspecific(keys[150], keys);  // the C library's block for the later keys is none of the program's
  leak_values();
  return unused;
}

int main(void) {
  for (int i = 0; i < 200; ++i) pthread_key_create(&keys[i], NULL);
  run_thread(finish, NULL);
  scrub();
  return 0;
}

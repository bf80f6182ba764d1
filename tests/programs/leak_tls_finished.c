// Thread-local variables of finished threads, whose memory is kept for the next threads: definite 5 x 40.
#include "leak.h"

static __thread void* volatile own[100];

static OWN_FRAME void leak_own(void) {
  void* block = block_of(40);
  for (int i = 0; i < 100; ++i) own[i] = block;
}

static void* finish(void* together) {
  leak_own();
  pthread_barrier_wait(together);
  return NULL;
}

int main(void) {
  pthread_t threads[5];
  pthread_barrier_t together;
  pthread_barrier_init(&together, NULL, 5);
  for (int i = 0; i < 5; ++i) pthread_create(&threads[i], NULL, finish, &together);
  for (int i = 0; i < 5; ++i) pthread_join(threads[i], NULL);
  scrub();
  return 0;
}

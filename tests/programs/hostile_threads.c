// 1,000 threads alive at once, ten allocations each, freed by the next thread's hand; one block of 54321 bytes is leaked.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 1000, BLOCKS = 10 };
static void* blocks[THREADS][BLOCKS];
static pthread_barrier_t barrier;

static void* run(void* argument) {
  const size_t self = (size_t)argument;
  for (int i = 0; i < BLOCKS; ++i) blocks[self][i] = malloc(100 + self % 900 + (size_t)i);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < BLOCKS; ++i) free(blocks[(self + 1) % THREADS][i]);
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  pthread_barrier_init(&barrier, NULL, THREADS);
  for (size_t i = 0; i < THREADS; ++i) {
    if (pthread_create(&threads[i], &attributes, run, (void*)i) != 0) return 77;
  }
  for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  return 3;
}

// Four threads map and unmap so that each soon has addresses that another has just given back; each keeps 50 mappings.
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, THREADS = 4, ROUNDS = 10000, KEPT = 50 };

static void* run(void* argument) {
  for (int round = 0; round < ROUNDS; ++round) {
    char* memory = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    if (round % (ROUNDS / KEPT) != 0 && munmap(memory, 2 * PAGE) != 0) abort();
  }
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; ++i) pthread_create(&threads[i], NULL, run, NULL);
  for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
  return 0;
}

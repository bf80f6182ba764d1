// Returns 12 from main while eight threads go on allocating and freeing.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static volatile int ready;

static void* churn(void* unused) {
  for (;;) {
    void* block = malloc(64);
    __sync_fetch_and_add(&ready, 1);
    free(block);
  }
  return NULL;
}

int main(void) {
  for (int i = 0; i < 8; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, churn, NULL) != 0) return 1;
  }
  while (ready < 1000) {
  }
  return 12;
}

// Shows that what is allocated while recording is off is no leak: stretches of 1,000 blocks each, by this thread and by one that sleeps meanwhile.
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../include/weir/weir.h"

enum { kBlocks = 1000 };

static void* kept[16 * kBlocks];
static int kept_count;

// A function for each stretch, so that the report tells them apart.
#define STRETCH(name)                                                 \
  __attribute__((noinline)) static void name(int blocks) {            \
    for (int i = 0; i < blocks; ++i) kept[kept_count++] = malloc(24); \
  }
STRETCH(before_start)
STRETCH(recorded_first)
STRETCH(while_off)
STRETCH(recorded_last)
STRETCH(other_thread_off)
STRETCH(other_thread_on)

static sem_t go, done;

// Allocates a few blocks on one reading of the clock, and more of them once recording was switched.
static void* other_thread(void* unused) {
  other_thread_off(10);
  sem_post(&done);
  sem_wait(&go);
  other_thread_on(20);
  sem_post(&done);
  sem_wait(&go);
  other_thread_off(20);
  return NULL;
}

static void* map_while_off(void) {
  return mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

// `toggles`: many switches in a row, a block after each.
static void toggle(int rounds) {
  for (int i = 0; i < rounds; ++i) {
    weir_record_stop();
    while_off(1);
    weir_record_start();
    recorded_first(1);
  }
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "toggles") == 0) {
    toggle(kBlocks);
    return 0;
  }
  pthread_t thread;
  sem_init(&go, 0, 0);
  sem_init(&done, 0, 0);
  before_start(kBlocks);
  void* early = malloc(100);
  pthread_create(&thread, NULL, other_thread, NULL);
  sem_wait(&done);
  printf("start %d\n", weir_record_start());
  recorded_first(kBlocks);
  sem_post(&go);
  sem_wait(&done);
  printf("stop %d again %d\n", weir_record_stop(), weir_record_stop());
  while_off(kBlocks);
  void* mapping = map_while_off();
  sem_post(&go);
  pthread_join(thread, NULL);
  printf("start %d\n", weir_record_start());
  recorded_last(kBlocks);
  free(early);  // is right, though it was not recorded
  for (int i = 0; i < 10; ++i) free(kept[i]);
  fflush(stdout);
  return mapping == MAP_FAILED;
}

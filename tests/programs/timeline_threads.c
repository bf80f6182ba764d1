// Shows: the timeline of eight threads that take and free blocks of their own and each other's for half a second, 8 MiB at each moment
// but for what is just being exchanged; with "fork" a child then ends at once, and another does the same with a quarter of that memory.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, PLACES = 8192, BYTES = 1024 };
static void* _Atomic places[PLACES];
static int place_count = PLACES;
static double end_seconds;

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

// A block goes to a place of all threads'; what lay there, mostly another thread's, is freed.
static void* churn(void* seed) {
  unsigned state = (unsigned)(long)seed * 2654435761U + 1;
  while (seconds() < end_seconds) {
    for (int i = 0; i < 1000; ++i) {
      state = state * 1664525U + 1013904223U;
      void* block = malloc(BYTES);
      memset(block, 1, BYTES);
      free(atomic_exchange(&places[(state >> 8) % place_count], block));
    }
  }
  return NULL;
}

static void run(void) {
  pthread_t threads[THREADS];
  for (int i = 0; i < place_count; ++i) atomic_store(&places[i], memset(malloc(BYTES), 1, BYTES));
  end_seconds = seconds() + 0.5;
  for (long i = 0; i < THREADS; ++i) pthread_create(&threads[i], NULL, churn, (void*)i);
  for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
}

static void give_back(void) {
  for (int i = 0; i < PLACES; ++i) free(atomic_exchange(&places[i], NULL));
}

int main(int argc, char** argv) {
  run();
  give_back();
  if (argc > 1 && strcmp(argv[1], "fork") == 0) {
    if (fork() == 0) return 0;
    wait(NULL);
    if (fork() == 0) {
      place_count = PLACES / 4;
      run();
      give_back();
      return 0;
    }
    wait(NULL);
  }
  return 0;
}

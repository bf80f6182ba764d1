// Two threads end the process at the same moment, one by exit(14), one by _exit(14).
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_barrier_t start;

static void* leave_at_once(void* unused) {
  pthread_barrier_wait(&start);
  _exit(14);
}

int main(void) {
  pthread_t thread;
  for (int i = 0; i < 20000; ++i) {
    if (malloc(50) == NULL) return 1;
  }
  pthread_barrier_init(&start, NULL, 2);
  pthread_create(&thread, NULL, leave_at_once, NULL);
  pthread_barrier_wait(&start);
  exit(14);
}

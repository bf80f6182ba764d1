// Two threads allocate for two seconds while a timer's handler interrupts them every 200 us and allocates too: longer than it takes,
// or they would get nowhere. (glibc may hang.)
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t handled;
static _Thread_local char* kept;

static void check(char* block, size_t bytes, char mark) {
  if (block == NULL || block[0] != mark || block[bytes - 1] != mark) abort();
}

static char* marked(size_t bytes, char mark) {
  char* block = malloc(bytes);
  if (block == NULL) abort();
  memset(block, mark, bytes);
  return block;
}

static void on_alarm(int number) {
  char* block = marked(100, 1);
  char* large = marked(70000, 2);
  block = realloc(block, 300);
  check(block, 100, 1);
  check(large, 70000, 2);
  free(large);
  if (kept != NULL) check(kept, 100, 1);  // allocated by an earlier handler, perhaps inside an interrupted malloc
  free(kept);
  kept = block;
  munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
  ++handled;
}

static void* churn(void* argument) {
  const time_t end = time(NULL) + 2;
  char* held[256] = {0};
  size_t sizes[256];
  unsigned seed = 1;
  while (time(NULL) < end) {
    for (int i = 0; i < 1000; ++i) {
      const int slot = rand_r(&seed) % 256;
      if (held[slot] != NULL) check(held[slot], sizes[slot], 3);
      free(held[slot]);
      sizes[slot] = 1 + rand_r(&seed) % (i % 50 == 0 ? 100000 : 500);
      held[slot] = marked(sizes[slot], 3);
      munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
    }
  }
  for (int i = 0; i < 256; ++i) free(held[i]);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  free(kept);
  return NULL;
}

int main(void) {
  signal(SIGALRM, on_alarm);
  const struct itimerval every = {{0, 200}, {0, 200}};
  setitimer(ITIMER_REAL, &every, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, churn, NULL);
  churn(NULL);
  pthread_join(thread, NULL);
  const struct itimerval never = {0};
  setitimer(ITIMER_REAL, &never, NULL);
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  printf("%s\n", handled > 1000 ? "handled" : "too few signals");
  return 3;
}

// Executes itself N times, each time from another of its threads, while the others allocate, some with all signals blocked, and one
// executes too. Nothing is pending at any start, and the mask is the one that was asked for. Ends with 7.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char** arguments;
static char left[16];

static void* allocate(void* blocked) {
  sigset_t all;
  sigfillset(&all);
  if (blocked != NULL) pthread_sigmask(SIG_SETMASK, &all, NULL);
  for (;;) free(malloc(rand() % 1000));
}

static void* execute(void* blocked) {
  sigset_t set;
  sigfillset(&set);
  if (blocked == NULL) sigemptyset(&set);
  pthread_sigmask(SIG_SETMASK, &set, NULL);
  execv("/proc/self/exe", (char*[]){arguments[0], left, blocked == NULL ? "0" : "62", NULL});
  return NULL;
}

int main(int argc, char** argv) {
  sigset_t now, pending;
  arguments = argv;
  const int rounds = atoi(argv[1]);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, NULL, &now);
  int blocked = 0;
  for (int number = 1; number <= 64; ++number) {
    if (sigismember(&pending, number) == 1) return 1;
    blocked += sigismember(&now, number) == 1;
  }
  if (argc > 2 && blocked != 0 && blocked != 60) return 2;  // all but KILL, STOP and the libc's own two
  if (rounds == 0) return 7;
  snprintf(left, sizeof left, "%d", rounds - 1);
  pthread_t thread;
  for (long i = 0; i < 6; ++i) pthread_create(&thread, NULL, allocate, (void*)(i % 2));
  usleep(rand() % 2000);
  for (long i = 0; i < 2; ++i) pthread_create(&thread, NULL, execute, (void*)((rounds + i) % 2));
  for (;;) pause();
}

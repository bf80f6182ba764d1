// A thread waits for any signal, in the way that its argument names, while the process ends: it gets none.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char* way;

static void* wait_for_any(void* unused) {
  sigset_t all;
  siginfo_t info;
  struct signalfd_siginfo read_info;
  int number = 0;
  char line[64];
  const struct timespec long_time = {100, 0};
  sigfillset(&all);
  free(malloc(100));
  if (strcmp(way, "sigwait") == 0) sigwait(&all, &number);
  if (strcmp(way, "sigwaitinfo") == 0) number = sigwaitinfo(&all, &info);
  if (strcmp(way, "sigtimedwait") == 0) number = sigtimedwait(&all, &info, &long_time);
  if (strcmp(way, "signalfd") == 0) number = (int)read(signalfd(-1, &all, 0), &read_info, sizeof read_info);
  write(1, line, snprintf(line, sizeof line, "got %d\n", number));
  return NULL;
}

int main(int argc, char** argv) {
  sigset_t all;
  pthread_t thread;
  way = argv[1];
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  pthread_create(&thread, NULL, wait_for_any, NULL);
  usleep(30000);
  return 0;
}

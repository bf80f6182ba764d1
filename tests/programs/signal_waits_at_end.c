// A thread waits in the way that its argument names, for ever, while the process ends: nothing comes.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static const char* way;

static void* wait_for_any(void* unused) {
  sigset_t all;
  siginfo_t info;
  struct signalfd_siginfo read_info;
  int number = 0;
  char line[64];
  const struct timespec long_time = {100, 0};
  struct epoll_event event;
  sem_t semaphore;
  sigset_t none;
  sem_init(&semaphore, 0, 0);
  sigfillset(&all);
  sigemptyset(&none);
  free(malloc(100));
  errno = 0;
  if (strcmp(way, "sigwait") == 0) sigwait(&all, &number);
  if (strcmp(way, "sigwaitinfo") == 0) number = sigwaitinfo(&all, &info);
  if (strcmp(way, "sigtimedwait") == 0) number = sigtimedwait(&all, &info, &long_time);
  if (strcmp(way, "signalfd") == 0) number = (int)read(signalfd(-1, &all, 0), &read_info, sizeof read_info);
  if (strcmp(way, "poll") == 0) number = poll(NULL, 0, -1);
  if (strcmp(way, "ppoll") == 0) number = ppoll(NULL, 0, NULL, &none);
  if (strcmp(way, "select") == 0) number = select(0, NULL, NULL, NULL, NULL);
  if (strcmp(way, "epoll") == 0) number = epoll_wait(epoll_create1(0), &event, 1, -1);
  if (strcmp(way, "nanosleep") == 0) number = nanosleep(&long_time, NULL);
  if (strcmp(way, "pause") == 0) number = pause();
  if (strcmp(way, "sigsuspend") == 0) number = sigsuspend(&none);
  if (strcmp(way, "semaphore") == 0) number = sem_wait(&semaphore);
  write(1, line, snprintf(line, sizeof line, "got %d %d\n", number, errno));
  return NULL;
}

int main(int argc, char** argv) {
  sigset_t all;
  pthread_t thread;
  way = argv[1];
  sigfillset(&all);
  if (argc > 2) pthread_sigmask(SIG_SETMASK, &all, NULL);
  pthread_create(&thread, NULL, wait_for_any, NULL);
  usleep(30000);
  return 0;
}

// Uses every real-time signal in every way: queues each to itself and waits for it, by signalfd too, and handles each, with threads.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

static volatile sig_atomic_t caught[65];
static void on_signal(int number, siginfo_t* info, void* context) { caught[number] = info->si_value.sival_int; }

static void* sleep_blocked(void* over) {
  while (!*(volatile int*)over) free(malloc(100)), usleep(1000);
  return NULL;
}

static void fail(const char* what, int number) {
  printf("%s %d\n", what, number);
  exit(1);
}

int main(int argc, char** argv) {
  const char* order = argc > 1 ? argv[1] : "whfw";
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  volatile int over = 0;
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, sleep_blocked, (void*)&over);
  for (; *order != '\0'; ++order) {
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
      union sigval value = {.sival_int = number * 7};
      if (*order == 'q') {  // stays pending until it is asked for
        sigset_t pending;
        if (sigqueue(getpid(), number, value) != 0) fail("queue", number);
        if (sigpending(&pending) != 0 || sigismember(&pending, number) != 1) fail("pending", number);
      }
      if (*order == 'w' || *order == 'q') {
        siginfo_t info;
        if (*order == 'w' && sigqueue(getpid(), number, value) != 0) fail("queue", number);
        if (sigwaitinfo(&all, &info) != number || info.si_value.sival_int != number * 7) fail("wait", number);
      } else if (*order == 'f') {
        struct signalfd_siginfo info;
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, number);
        const int fd = signalfd(-1, &one, SFD_CLOEXEC);
        if (sigqueue(getpid(), number, value) != 0) fail("queue", number);
        if (read(fd, &info, sizeof info) != sizeof info || info.ssi_signo != number || info.ssi_int != number * 7)
          fail("read", number);
        close(fd);
      } else if (*order == 'h') {
        struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}, old;
        if (sigaction(number, &action, &old) != 0 || old.sa_handler != SIG_DFL) fail("action", number);
        caught[number] = 0;
        if (sigqueue(getpid(), number, value) != 0) fail("queue", number);
        if (caught[number] != 0) fail("early", number);  // all threads block it
        sigset_t rest = all;
        sigdelset(&rest, number);
        pthread_sigmask(SIG_SETMASK, &rest, NULL);
        if (caught[number] != number * 7) fail("catch", number);
        pthread_sigmask(SIG_SETMASK, &all, NULL);
        signal(number, SIG_DFL);
      }
    }
  }
  over = 1;
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  printf("all %d\n", SIGRTMAX - SIGRTMIN + 1);
  return 0;
}

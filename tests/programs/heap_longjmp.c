// Shows that tracking goes on after a signal handler left the middle of an allocation by siglongjmp, as shells do.
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

static sigjmp_buf back;
static void* volatile sink;

static void leave(int signal) { siglongjmp(back, signal); }

static void allocate_until_interrupted(void) {
  for (;;) {
    sink = malloc(40);
    free(sink);
  }
}

int main(void) {
  struct sigaction action = {0};
  action.sa_handler = leave;
  sigaction(SIGALRM, &action, NULL);
  for (volatile int i = 0; i < 300; ++i) {
    struct itimerval soon = {{0, 0}, {0, 500 + i}};
    if (sigsetjmp(back, 1) == 0) {
      setitimer(ITIMER_REAL, &soon, NULL);
      allocate_until_interrupted();
    }
  }
  for (int i = 0; i < 1000; ++i) sink = malloc(12345);
  puts("still tracked");
  return 0;
}

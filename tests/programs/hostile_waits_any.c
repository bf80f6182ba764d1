// Waits for any child, with a handler of SIGCHLD that counts: there are the three it forked and no other.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t signals;
static void on_child(int number) { ++signals; }

int main(void) {
  signal(SIGCHLD, on_child);
  int sum = 0, waited = 0, status;
  for (int i = 1; i <= 3; ++i) {
    if (fork() == 0) {
      free(malloc(1000));
      _exit(i);
    }
    while (wait(&status) > 0) {  // until ECHILD
      ++waited;
      sum += WEXITSTATUS(status);
    }
    if (errno != ECHILD) return 1;
  }
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  printf("waited %d sum %d signals %d\n", waited, sum, (int)signals);
  return 3;
}

// Blocks all signals and ignores those it may, leaks 54321 bytes and ends; a child does the same. The masks stay as set.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  sigset_t all, now;
  sigfillset(&all);
  for (int number = 1; number < 32; ++number) signal(number, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_SETMASK, &all, NULL);
  const pid_t child = fork();
  volatile char* leak = malloc(child == 0 ? 12345 : 54321);
  leak[0] = 1;
  for (int i = 0; i < 1000; ++i) free(malloc(i * 100));
  sigprocmask(SIG_SETMASK, NULL, &now);
  for (int number = 1; number < 32; ++number) {
    if (sigismember(&all, number) != sigismember(&now, number) && number != SIGKILL && number != SIGSTOP) return 1;
  }
  if (child == 0) return 5;
  int status;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 5) return 2;
  return 3;
}

// Is sent SIGTERM by its parent part at an arbitrary moment while it does nothing but allocate and free.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char** argv) {
  int ready[2];
  if (pipe(ready) != 0) return 1;
  const pid_t child = fork();
  if (child == 0) {
    write(ready[1], "x", 1);
    for (unsigned i = 0;; ++i) free(malloc(16 + i % 4096));
  }
  char byte;
  read(ready[0], &byte, 1);
  const struct timespec moment = {0, 3000000 + atoi(argv[1]) * 1000};
  nanosleep(&moment, NULL);
  kill(child, SIGTERM);
  int status;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 100;
}

// Becomes a daemon: the parent ends with 0 inside the libc's daemon(), the child works on and tells through a pipe.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  int ends[2];
  void* volatile inherited = malloc(1000);
  if (pipe(ends) != 0) return 1;
  // A child of its own waits for the daemon and passes its words on, so that the test sees both processes' ends.
  fflush(stdout);
  if (fork() == 0) {
    close(ends[1]);
    if (daemon(1, 1) != 0) _exit(2);
    void* volatile own = malloc(2000);
    exit(own != NULL && inherited != NULL ? 0 : 3);
  }
  close(ends[1]);
  char byte;
  while (read(ends[0], &byte, 1) > 0) {
  }
  return 0;
}

// A forked child frees, first thing, the block that its parent allocated last, and allocates one like it: the block is not its own.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  void* volatile last = NULL;
  for (int i = 0; i < 64; ++i) last = malloc(100);  // the pool's page is known by then, and the stack is the same
  if (fork() == 0) {
    free(last);
    last = malloc(100);
    _exit(last == NULL);
  }
  int status = 0;
  wait(&status);
  return status;
}

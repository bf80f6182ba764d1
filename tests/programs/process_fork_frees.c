// A forked child frees its parent's block and reports nothing of it; the parent frees it too.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  void* volatile shared = malloc(1000);
  const pid_t child = fork();
  free(shared);
  if (child == 0) _exit(0);
  int status;
  wait(&status);
  return status;
}

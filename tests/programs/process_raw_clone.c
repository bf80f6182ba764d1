// A child made by a raw clone system call is unknown to Weir: it writes nothing, and its parent returns 19.
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  void* volatile kept = malloc(1000);
  const long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    void* volatile own = malloc(100);
    free(own);
    _exit(0);
  }
  int status;
  waitpid((pid_t)child, &status, 0);
  return status == 0 && kept != NULL ? 19 : 1;
}

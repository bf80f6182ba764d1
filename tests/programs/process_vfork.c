// A vfork child ends by _exit and another by exec: neither closes the parent's state, which ends by return 18.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void* volatile kept;

int main(void) {
  kept = malloc(1000);
  pid_t child = vfork();
  if (child == 0) _exit(0);
  waitpid(child, NULL, 0);
  child = vfork();
  if (child == 0) {
    execl("/nonexistent/program", "program", (char*)NULL);
    execl("/bin/true", "true", (char*)NULL);
    _exit(1);
  }
  int status;
  waitpid(child, &status, 0);
  kept = malloc(2000);
  return status == 0 ? 18 : 1;
}

// Forks: the parent holds 1000 bytes and then 100 more, the child 200 of its own; the child's child 300. Each returns
// from main.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void* volatile kept[4];

int main(void) {
  kept[0] = malloc(1000);
  if (fork() == 0) {
    kept[1] = malloc(200);
    if (fork() == 0) {
      kept[2] = malloc(300);
      return 2;
    }
    wait(NULL);
    return 1;
  }
  kept[3] = malloc(100);
  int status;
  wait(&status);
  return WEXITSTATUS(status);
}

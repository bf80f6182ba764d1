// Frees a block, forks, and frees it again in the child: an error of the child's, which the parent's report knows nothing of.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  char* volatile block = malloc(100);
  free(block);
  const pid_t child = fork();
  if (child == 0) {
    free(block);
    return 0;
  }
  int status = 1;
  waitpid(child, &status, 0);
  puts(status == 0 ? "alive" : "the child died");
  return 0;
}

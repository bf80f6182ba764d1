// Maps 5 pages and forks: the child unmaps 2 of the parent's, maps 3 of its own, and both end.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };

static char* map(int pages) {
  char* memory = mmap(NULL, pages * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  return memory;
}

int main(void) {
  char* memory = map(5);
  const pid_t child = fork();
  if (child == 0) {
    munmap(memory, 2 * PAGE);
    map(3);
    return 0;
  }
  int status;
  waitpid(child, &status, 0);
  return status;
}

// Does what its stdin says, for tests of weir ctl: first, second and third leak 1,000 blocks each, busy allocates until the next line.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kBlocks = 1000 };

static void* volatile sink;

#define LEAK(name)                                       \
  __attribute__((noinline)) static void name(void) {     \
    for (int i = 0; i < kBlocks; ++i) sink = malloc(40); \
  }
LEAK(first)
LEAK(second)
LEAK(third)

static void warm(void) {
  for (int i = 0; i < kBlocks; ++i) free(malloc(40));
}

static void busy(void) {
  struct pollfd input = {0, POLLIN, 0};
  char line[8];
  while (poll(&input, 1, 0) == 0) warm();
  if (read(0, line, 1) != 1) exit(1);
}

static int child_pipe[2];

// A child that lives until this process ends.
static void fork_child(void) {
  char byte;
  if (pipe(child_pipe) != 0) exit(1);
  if (fork() != 0) return;
  close(child_pipe[1]);
  if (read(child_pipe[0], &byte, 1) != 0) _exit(1);
  _exit(0);
}

int main(void) {
  char line[32];
  setvbuf(stdin, NULL, _IONBF, 0);
  setvbuf(stdout, NULL, _IOLBF, 4096);
  puts("ready");
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "first") == 0) first();
    if (strcmp(line, "second") == 0) second();
    if (strcmp(line, "third") == 0) third();
    if (strcmp(line, "warm") == 0) warm();
    if (strcmp(line, "busy") == 0) busy();
    if (strcmp(line, "fork") == 0) fork_child();
    printf("done %s\n", line);
  }
  if (child_pipe[1] != 0) {
    close(child_pipe[1]);
    wait(NULL);
  }
  return 0;
}

// Keeps a block of 1 MiB from each of eight depths of recursion: stacks that differ, and whose innermost functions do not. Says "ready" and waits.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char* volatile kept[8];
static volatile int deeper;

__attribute__((noinline)) static void keep_below(int depth, int number) {
  if (depth > 0) {
    keep_below(depth - 1, number);
  } else {
    kept[number] = malloc(1 << 20);
    memset(kept[number], 1, 1 << 20);
  }
  ++deeper;
}

int main(void) {
  for (int i = 0; i < 8; ++i) keep_below(5 + i, i);
  for (int i = 0; i < 300; ++i) {  // until it is old enough to be asked
    for (int k = 0; k < 100; ++k) free(malloc(32));
    usleep(1000);
  }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) continue;
  return 0;
}

// Writes to two freed blocks; the first one's quarantine ends while the program runs.
#include <stdio.h>
#include <stdlib.h>

static void write_late(int at) {
  char* volatile block = malloc(100);
  free(block);
  block[at] = 1;
}

int main(void) {
  write_late(7);
  for (int i = 0; i < 1000; ++i) free(malloc(10000));
  write_late(9);
  puts("alive");
  return 0;
}

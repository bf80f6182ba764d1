// calloc clears a block that was just freed, also from a pool page that has never been used before.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_zero(const unsigned char* block, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    if (block[i] != 0) return 0;
  }
  return 1;
}

int main(void) {
  int dirty = 0;
  for (size_t bytes = 8; bytes <= 2048; bytes += 8) {
    for (int round = 0; round < 3; ++round) {
      unsigned char* used = malloc(bytes);
      memset(used, 0xff, bytes);
      free(used);
      unsigned char* cleared = calloc(1, bytes);
      dirty += !is_zero(cleared, bytes);
      memset(cleared, 0xff, bytes);
    }
  }
  printf("%d dirty\n", dirty);
  return 0;
}

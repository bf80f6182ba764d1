// Two sites that leak, 100 MB in blocks of 100 bytes and 20 MB in blocks of 1000, among 1 GB that comes and goes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void* volatile kept;

__attribute__((noinline)) void* leak_small(void) {
  void* block = malloc(100);
  kept = block;
  return block;
}

__attribute__((noinline)) void* leak_large(void) {
  void* block = malloc(1000);
  kept = block;
  return block;
}

int main(void) {
  char* held[64] = {0};
  unsigned random = 1;
  for (int i = 0; i < 1000000; ++i) {
    *(char*)leak_small() = 1;
    if (i % 50 == 0) *(char*)leak_large() = 2;
    random = random * 1103515245u + 12345u;
    const unsigned place = random >> 26, bytes = 1 + (random >> 5) % 2000;
    free(held[place]);
    held[place] = malloc(bytes);
    held[place][0] = held[place][bytes - 1] = 3;
  }
  for (int i = 0; i < 64; ++i) free(held[i]);
  puts("done");
  return 7;
}

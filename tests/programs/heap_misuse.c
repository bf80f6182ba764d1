// Shows that a double free and a free of an interior pointer are found by the records, counted, and do no harm.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  char* block = malloc(100);
  char* other = malloc(100);
  free(block);
  free(block);
  free(other + 16);
  free(other);
  puts("alive");
  return 0;
}

// Leaks one block of 54321 bytes, prints a line on each stream and ends with status 3: what it does must not depend on its report.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  volatile char* block = malloc(54321);
  if (block == NULL) return 1;
  block[0] = 1;
  printf("out\n");
  fprintf(stderr, "err\n");
  return 3;
}

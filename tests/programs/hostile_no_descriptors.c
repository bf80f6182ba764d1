// May open no further descriptor from its start on, leaks 54321 bytes and ends with status 3.
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

int main(void) {
  const struct rlimit none = {3, 3};
  if (setrlimit(RLIMIT_NOFILE, &none) != 0) return 77;
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  printf("out\n");
  fprintf(stderr, "err\n");
  return 3;
}

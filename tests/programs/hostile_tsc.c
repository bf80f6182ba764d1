// Forbids itself to read the time-stamp counter (PR_TSC_SIGSEGV), allocates on, allows it again; leaks 54321 bytes in between.
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

int main(void) {
  int access = 0;
  if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) != 0) return 77;
  for (size_t i = 0; i < 100000; i += 77) free(malloc(i));
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  prctl(PR_GET_TSC, &access);
  if (getenv("ALLOW_AGAIN") != NULL && prctl(PR_SET_TSC, PR_TSC_ENABLE) != 0) return 1;
  free(malloc(10));
  printf("access %d\n", access);
  return 3;
}

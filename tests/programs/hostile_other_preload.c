// Runs with another preload whose malloc calls dlsym, ahead of Weir or behind: it is still called, and one block of 54321 leaks.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  long (*calls)(void) = dlsym(RTLD_DEFAULT, "preload_calls");
  for (int i = 0; i < 1000; ++i) free(realloc(malloc(10), 2000));
  free(strdup("text"));
  printf("the other preload is there: %d\n", calls != NULL);
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  return 3;
}

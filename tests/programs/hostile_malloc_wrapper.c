// Brings a malloc of its own that counts and passes on to the next one, found by dlsym: what it passes on is tracked.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long calls;

void* malloc(size_t bytes) {
  static void* (*next)(size_t);
  if (next == NULL) next = dlsym(RTLD_NEXT, "malloc");
  ++calls;
  return next(bytes);
}

void free(void* block) {
  static void (*next)(void*);
  if (next == NULL) next = dlsym(RTLD_NEXT, "free");
  next(block);
}

int main(void) {
  const long before = calls;
  for (int i = 0; i < 1000; ++i) free(malloc(100));
  free(strdup("text"));
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  printf("calls %ld\n", calls - before);
  return 3;
}

// Calls the malloc that dlsym finds under RTLD_NEXT, RTLD_DEFAULT and in libc's own handle, and mixes their blocks.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void* scope(int index) {
  return index == 0 ? RTLD_NEXT : index == 1 ? RTLD_DEFAULT : dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
}

int main(void) {
  for (int i = 0; i < 3; ++i) {
    void* (*next_malloc)(size_t) = dlsym(scope(i), "malloc");
    void* (*next_realloc)(void*, size_t) = dlsym(scope(i), "realloc");
    void (*next_free)(void*) = dlsym(scope(i), "free");
    char* block = next_malloc(100);
    strcpy(block, "text");
    if (malloc_usable_size(block) < 100) printf("usable size of %d is too small\n", i);
    block = realloc(block, 200000);
    printf("%s\n", block);
    free(block);
    next_free(next_realloc(next_malloc(10), 1000));
    for (int n = 0; n < 1000; ++n) free(next_malloc((size_t)n));
  }
  if (dlsym(RTLD_NEXT, "no such function") != NULL || strstr(dlerror(), "no such function") == NULL) return 1;
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  return 3;
}

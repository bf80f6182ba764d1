// Shows that the libc's functions that take a block, found in a library by its handle as foreign function interfaces do, take what the
// program's libraries have allocated.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  void* libc = dlopen("libc.so.6", RTLD_LAZY);
  void (*libc_free)(void*) = dlsym(libc, "free");
  void* (*libc_realloc)(void*, size_t) = dlsym(libc, "realloc");
  void* (*libc_reallocarray)(void*, size_t, size_t) = dlsym(libc, "reallocarray");
  size_t (*libc_usable_size)(void*) = dlsym(libc, "malloc_usable_size");
  void* (*libc_malloc)(size_t) = dlsym(libc, "malloc");
  for (int i = 0; i < 100; ++i) {
    libc_free(strdup("text of a library's"));
    char* grown = libc_realloc(strdup("text"), 100000);
    grown = libc_reallocarray(grown, 2, 100000);
    printf("%s, %s\n", grown, libc_usable_size(grown) >= 200000 ? "large enough" : "too small");
    libc_free(grown);
    libc_free(libc_malloc(100));
    char* text = NULL;
    if (asprintf(&text, "%d", i) > 0) libc_free(text);
  }
  if (dlsym(libc, "freeze") != NULL || strstr(dlerror(), "freeze") == NULL) return 1;
  dlclose(libc);
  return 0;
}

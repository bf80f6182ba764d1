// A preload that has a free and a realloc of its own, and passes calls on to those that it finds in the libc's own handle, at the first
// call once the process has started.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

static void (*next_free)(void*);
static void* (*next_realloc)(void*, size_t);
static int has_started, is_finding;

__attribute__((constructor)) static void start(void) { has_started = 1; }

static void find_next(void) {
  is_finding = 1;
  void* libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  next_realloc = dlsym(libc, "realloc");
  next_free = dlsym(libc, "free");
  is_finding = 0;
}

void free(void* block) {
  if (next_free == NULL && (!has_started || is_finding)) return;
  if (next_free == NULL) find_next();
  next_free(block);
}

void* realloc(void* block, size_t bytes) {
  if (next_realloc == NULL) find_next();
  return next_realloc(block, bytes);
}

// A preload beside Weir: its malloc looks the next one up by dlsym at the first call, as simple tracers do, and passes on.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

static void* (*next_malloc)(size_t);
static void (*next_free)(void*);
static long calls;

void* malloc(size_t bytes) {
  if (next_malloc == NULL) next_malloc = dlsym(RTLD_NEXT, "malloc");
  ++calls;
  return next_malloc(bytes);
}

void free(void* block) {
  if (next_free == NULL) next_free = dlsym(RTLD_NEXT, "free");
  next_free(block);
}

long preload_calls(void) { return calls; }

// A preload beside Weir that counts the calls of cuMemAlloc_v2 that come to it, and says so at the end (not where SILENT). It passes them on by RTLD_NEXT,
// or (BY_HANDLE) to the library that it loads itself. With OF_DLSYM it exports dlsym too and gives its own cuMemAlloc_v2 to whoever asks.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef int Alloc(unsigned long long*, size_t);

static int call_count, look_up_count;

int cuMemAlloc_v2(unsigned long long* address, size_t bytes) {
  ++call_count;
#ifdef BY_HANDLE
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY);
  Alloc* next = driver == NULL ? NULL : dlsym(driver, "cuMemAlloc_v2");
#else
  Alloc* next = dlsym(RTLD_NEXT, "cuMemAlloc_v2");
#endif
  return next == NULL ? 3 : next(address, bytes);
}

#ifdef OF_DLSYM
void* dlsym(void* handle, const char* name) {
  static void* (*next)(void*, const char*);
  if (next == NULL) next = dlvsym(RTLD_NEXT, "dlsym", OF_DLSYM);
  if (next == NULL) return NULL;
  if (strcmp(name, "cuMemAlloc_v2") == 0) {
    ++look_up_count;
    if (handle != RTLD_NEXT) return next(handle, name) == NULL ? NULL : (void*)cuMemAlloc_v2;
  }
  return next(handle, name);
}
#endif

__attribute__((destructor)) static void end(void) {
#ifdef SILENT
  return;
#endif
  printf("%s: %d calls, %d look-ups\n", NAME, call_count, look_up_count);
}

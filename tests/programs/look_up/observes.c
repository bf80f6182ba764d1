// A preload ahead of Weir that writes to the file OBSERVED what programs get who ask for the driver's functions: a line for each answer of
// dlsym (for names that begin with cu) and of cuGetProcAddress, of the way, the name and the library that the function lies in.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The older form has no status; what is passed besides does no harm.
typedef int Ask(const char*, void**, int, uint64_t, int*);

static void* (*next_dlsym)(void*, const char*);
static Ask* next_ask;

static void note(const char* way, const char* name, const void* function) {
  Dl_info info;
  const char* library = function == NULL ? "none" : dladdr(function, &info) == 0 ? "nowhere" : info.dli_fname;
  const char* slash = strrchr(library, '/');
  char line[400];
  const int length = snprintf(line, sizeof line, "%s %s %s\n", way, name, slash == NULL ? library : slash + 1);
  const int file = open(getenv("OBSERVED"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  write(file, line, length);
  close(file);
}

static void* observed(const char* name, void* function);

static int ask(const char* name, void** function, int version, uint64_t flags, int* status) {
  const int result = next_ask(name, function, version, flags, status);
  note("asked", name, result == 0 ? *function : NULL);
  if (result == 0) *function = observed(name, *function);
  return result;
}

static void* observed(const char* name, void* function) {
  if (function == NULL || strncmp(name, "cuGetProcAddress", 16) != 0) return function;
  next_ask = function;
  return ask;
}

void* dlsym(void* handle, const char* name) {
  if (next_dlsym == NULL) next_dlsym = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
  void* function = next_dlsym(handle, name);
  if (strncmp(name, "cu", 2) != 0 || handle == RTLD_NEXT) return function;
  note("dlsym", name, function);
  return observed(name, function);
}

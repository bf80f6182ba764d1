// Uses the driver where little may be done: in a library's constructor, in signal handlers that interrupt it, and out of longjmp. Its
// argument says which.
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static int (*allocate)(unsigned long long* address, size_t bytes);
static int (*release)(unsigned long long address);
static volatile sig_atomic_t handled;

static void find_driver(void) {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW);
  void* context = NULL;
  ((int (*)(unsigned))dlsym(driver, "cuInit"))(0);
  ((int (*)(void**, int))dlsym(driver, "cuDevicePrimaryCtxRetain"))(&context, 0);
  ((int (*)(void*))dlsym(driver, "cuCtxSetCurrent"))(context);
  allocate = (int (*)(unsigned long long*, size_t))dlsym(driver, "cuMemAlloc_v2");
  release = (int (*)(unsigned long long))dlsym(driver, "cuMemFree_v2");
}

static int constructor(const char* library) {
  void* handle = dlopen(library, RTLD_NOW);
  if (handle == NULL) return 2;
  printf("used %d\n", *(int*)dlsym(handle, "used"));
  return 0;
}

// ---- A handler that frees what is no block, which the driver refuses without waiting ----

static void free_in_handler(int number) {
  release(0x1234000);
  ++handled;
}

static int handler(void) {
  const struct itimerval timer = {{0, 200}, {0, 200}};
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = free_in_handler;
  action.sa_flags = SA_RESTART;
  find_driver();
  sigaction(SIGPROF, &action, NULL);
  setitimer(ITIMER_PROF, &timer, NULL);
  while (handled < 500) release(0x5678000);
  setitimer(ITIMER_PROF, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
  printf("handled\n");
  return 0;
}

int main(int argc, char** argv) {
  if (argc > 2 && strcmp(argv[1], "constructor") == 0) return constructor(argv[2]);
  return argc > 1 && strcmp(argv[1], "handler") == 0 ? handler() : 2;
}

// Threads look names up and call what they find while another loads and unloads the driver, for argv[1] seconds; ends, and with 0.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static atomic_int stop;
static atomic_long wrong, rounds;

// Holds the library while it uses it, as any program must.
static void* asks(void* of) {
  while (!stop) {
    void* driver = dlopen("libcuda.so.1", RTLD_LAZY);
    int (*version)(int*) = dlsym(driver, "cuDriverGetVersion");
    int (*release)(unsigned long long) = dlsym(driver, "cuMemFree_v2");
    int (*ask)(const char*, void**, int, unsigned long, int*) = dlsym(driver, "cuGetProcAddress_v2");
    int found = 0, status;
    void* function = NULL;
    if (version == NULL || version(&found) != 0 || release == NULL || release(1) == 0) ++wrong;
    if (ask == NULL || ask("cuMemAlloc", &function, 12000, 0, &status) != 0 || function == NULL) ++wrong;
    dlsym(RTLD_DEFAULT, "cuMemAlloc_v2");
    dlsym(RTLD_NEXT, "cuMemAlloc_v2");
    dlvsym(RTLD_DEFAULT, "cuMemAlloc_v2", "NO_SUCH_VERSION");
    dlclose(driver);
    ++rounds;
    usleep(1000);
  }
  return NULL;
}

// Has no hold on the library, and finds nothing of what was opened for others alone.
static void* asks_in_vain(void* of) {
  while (!stop) {
    if (dlsym(RTLD_DEFAULT, "cuMemFree_v2") != NULL || dlsym(RTLD_NEXT, "cuMemFree_v2") != NULL) ++wrong;
  }
  return NULL;
}

int main(int argument_count, char** arguments) {
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, i < 2 ? asks_in_vain : asks, NULL);
  const time_t end = time(NULL) + atoi(arguments[1]);
  while (time(NULL) < end) {
    void* driver = dlopen("libcuda.so.1", RTLD_NOW);
    if (driver == NULL || dlclose(driver) != 0) ++wrong;
  }
  stop = 1;
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  printf("wrong: %ld, any rounds: %d\n", (long)wrong, rounds > 0);
  return wrong != 0;
}

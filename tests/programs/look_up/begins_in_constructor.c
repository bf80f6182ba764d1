// A library whose constructor waits for a thread that uses the driver and operator new, while the loader's lock is held.
#include <pthread.h>
#include <stddef.h>

int cuInit(unsigned flags);
int cuDevicePrimaryCtxRetain(void** context, int device);
int cuCtxSetCurrent(void* context);
int cuMemAlloc_v2(unsigned long long* address, size_t bytes);
int cuMemFree_v2(unsigned long long address);

int used;

static void* use_driver(void* unused) {
  void* context = NULL;
  unsigned long long address = 0;
  used = cuInit(0) == 0 && cuDevicePrimaryCtxRetain(&context, 0) == 0 && cuCtxSetCurrent(context) == 0 &&
         cuMemAlloc_v2(&address, 4096) == 0 && cuMemFree_v2(address) == 0;
  return unused;
}

__attribute__((constructor)) static void begin(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, use_driver, NULL);
  pthread_join(thread, NULL);
}

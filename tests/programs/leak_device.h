// What the programs leak_device_* share: the driver's functions that they call, found in the driver when they start.
#pragma once

#include <dlfcn.h>

#include "leak.h"

typedef unsigned long long device_address;

static int (*allocate_device)(device_address*, size_t);
static int (*allocate_managed)(device_address*, size_t, unsigned);
static int (*allocate_pinned)(void**, size_t, unsigned);
static int (*copy_to_device)(device_address, const void*, size_t);

// Where there is no driver the program ends with 77.
static void start_device(void) {
  void* context = NULL;
  void* driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (driver == NULL) exit(77);
  int (*initialise)(unsigned) = (int (*)(unsigned))dlsym(driver, "cuInit");
  int (*create)(void**, int) = (int (*)(void**, int))dlsym(driver, "cuDevicePrimaryCtxRetain");
  int (*enter)(void*) = (int (*)(void*))dlsym(driver, "cuCtxSetCurrent");
  allocate_device = (int (*)(device_address*, size_t))dlsym(driver, "cuMemAlloc_v2");
  allocate_managed = (int (*)(device_address*, size_t, unsigned))dlsym(driver, "cuMemAllocManaged");
  allocate_pinned = (int (*)(void**, size_t, unsigned))dlsym(driver, "cuMemHostAlloc");
  copy_to_device = (int (*)(device_address, const void*, size_t))dlsym(driver, "cuMemcpyHtoD_v2");
  if (initialise(0) != 0 || create(&context, 0) != 0 || enter(context) != 0) abort();
}

// The address alone: what was called has been left.
static inline device_address on_device(size_t bytes) {
  device_address address = 0;
  if (allocate_device(&address, bytes) != 0) abort();
  return address;
}

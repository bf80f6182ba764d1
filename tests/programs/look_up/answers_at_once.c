// A driver that does nothing but answer, without a lock: what a signal handler may call.
#include <stddef.h>

int cuInit(unsigned flags) { return 0; }
int cuDevicePrimaryCtxRetain(void** context, int device) { return *context = (void*)0x1000, 0; }
int cuCtxSetCurrent(void* context) { return 0; }
int cuCtxGetCurrent(void** context) { return *context = (void*)0x1000, 0; }
int cuCtxGetDevice(int* device) { return *device = 0; }
int cuMemAlloc_v2(unsigned long long* address, size_t bytes) { return 2; }
int cuMemFree_v2(unsigned long long address) { return 1; }

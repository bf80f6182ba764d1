// Shows that every function of the malloc family and every form of operator new is tracked with the size and family asked for.
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <new>

void* volatile kept[32];

int main() {
  int n = 0;
  kept[n++] = malloc(1001);
  kept[n++] = calloc(10, 101);
  kept[n++] = realloc(malloc(5), 1021);
  kept[n++] = realloc(nullptr, 1031);
  kept[n++] = reallocarray(nullptr, 1, 1033);
  void* aligned = nullptr;
  if (posix_memalign(&aligned, 64, 1041) != 0) return 1;
  kept[n++] = aligned;
  kept[n++] = aligned_alloc(128, 1051);
  kept[n++] = memalign(256, 1061);
  kept[n++] = valloc(1071);
  kept[n++] = pvalloc(4097);
  kept[n++] = operator new(2001);
  kept[n++] = operator new[](2011);
  kept[n++] = operator new(2021, std::nothrow);
  kept[n++] = operator new[](2031, std::nothrow);
  kept[n++] = operator new(2041, std::align_val_t(64));
  kept[n++] = operator new[](2051, std::align_val_t(64));
  kept[n++] = operator new(2061, std::align_val_t(64), std::nothrow);
  kept[n++] = operator new[](2071, std::align_val_t(64), std::nothrow);
  // And every form of release.
  free(calloc(1, 31));
  operator delete(operator new(31));
  operator delete[](operator new[](31));
  operator delete(operator new(31), 31UL);
  operator delete[](operator new[](31), 31UL);
  operator delete(operator new(31), std::nothrow);
  operator delete[](operator new[](31), std::nothrow);
  operator delete(operator new(31, std::align_val_t(64)), std::align_val_t(64));
  operator delete[](operator new[](31, std::align_val_t(64)), std::align_val_t(64));
  operator delete(operator new(31, std::align_val_t(64)), 31UL, std::align_val_t(64));
  operator delete[](operator new[](31, std::align_val_t(64)), 31UL, std::align_val_t(64));
  operator delete(operator new(31, std::align_val_t(64)), std::align_val_t(64), std::nothrow);
  operator delete[](operator new[](31, std::align_val_t(64)), std::align_val_t(64), std::nothrow);
  return 0;
}

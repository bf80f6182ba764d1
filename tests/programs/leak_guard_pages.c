// A heap block whose middle pages may not be read holds what its other pages point to; a mapping with a guard page, too: reachable 1 x 81920 + 3 x 32.
#include "leak_guard.h"

enum { kPages = 20 };

static OWN_FRAME void keep_guarded(void) {
  held = memalign(kPage, kPages * kPage);
  memset(held, 0, kPages * kPage);
  *(void**)held = keep_one();
  *(void**)(held + (kPages - 1) * kPage) = keep_one();
  mprotect(held + 5 * kPage, 10 * kPage, PROT_NONE);
}

static OWN_FRAME void map_guarded(void) {
  char* mapping = mmap(NULL, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(mapping + kPage, kPage, PROT_NONE);
  *(void**)(mapping + 2 * kPage) = keep_one();
}

int main(void) {
  keep_guarded();
  map_guarded();
  scrub();
  return 0;
}

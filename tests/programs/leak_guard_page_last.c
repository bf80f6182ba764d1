// A heap block of which the last page, not a whole one of its own, may not be read holds what its first page points to: reachable 1 x 20384 + 1 x 32.
#include "leak_guard.h"

enum { kReadable = 4 * kPage, kBytes = 5 * kPage - 96 };

static OWN_FRAME void keep_guarded(void) {
  held = memalign(kReadable, kBytes);
  memset(held, 0, kBytes);
  *(void**)held = keep_one();
  mprotect(held + kReadable, kPage, PROT_NONE);
}

int main(void) {
  keep_guarded();
  scrub();
  return 0;
}

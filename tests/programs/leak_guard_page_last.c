// A heap block of which the last page, not a whole one of its own, may not be read holds what its first page points to: reachable 1 x 20384 + 1 x 32.
#include <malloc.h>
#include <sys/mman.h>

#include "leak.h"

enum { kPage = 4096, kReadable = 4 * kPage, kBytes = 5 * kPage - 96 };

static char* volatile held;

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(32);
  use(block);
  return block;
}

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

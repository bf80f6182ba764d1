// What only a mapping held that is no more, or holds zeros again: definite 2 x 40.
#include <sys/mman.h>

#include "leak.h"

enum { kBytes = 3 * 4096 };

static OWN_FRAME void leak_in(void* mapping) { ((void**)mapping)[1000] = block_of(40); }

static void* new_mapping(void) {
  return mmap(NULL, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(void) {
  void* unmapped = new_mapping();
  void* discarded = new_mapping();
  leak_in(unmapped);
  leak_in(discarded);
  munmap(unmapped, kBytes);
  madvise(discarded, kBytes, MADV_DONTNEED);
  scrub();
  return 0;
}

// Blocks of asked alignment, held by their own address, by one inside, and lost: reachable 3 x 100, possible 2 x 100, definite 2 x 100.
#include <malloc.h>

#include "leak.h"

static void* volatile held[3];
static char* volatile inside[2];

static OWN_FRAME void keep_aligned(void) {
  held[0] = filled(memalign(64, 100), 100);
  held[1] = filled(memalign(4096, 100), 100);
  held[2] = filled(memalign(1 << 20, 100), 100);
}

static OWN_FRAME void maybe_aligned(void) {
  inside[0] = (char*)filled(memalign(256, 100), 100) + 8;
  inside[1] = (char*)filled(memalign(4096, 100), 100) + 99;
}

static OWN_FRAME void leak_aligned(void) {
  use(filled(memalign(128, 100), 100));
  use(filled(memalign(8192, 100), 100));
}

int main(void) {
  keep_aligned();
  maybe_aligned();
  leak_aligned();
  scrub();
  return 0;
}

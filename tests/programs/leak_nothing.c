// Blocks of no bytes, held and dropped: reachable 1 x 0, definite 2 x 0.
// LSan: counts a block of no bytes as one.
#include "leak.h"

static void* volatile held;

static OWN_FRAME void keep_nothing(void) { held = malloc(0); }

static OWN_FRAME void leak_nothing(void) {
  use(malloc(0));
  use(calloc(0, 8));
}

int main(void) {
  keep_nothing();
  leak_nothing();
  scrub();
  return 0;
}

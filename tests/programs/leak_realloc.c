// Blocks that realloc moved many times, the last place held, lost, and told of by the first place only: reachable 1 x 100000, definite 2 x 100000.
#include "leak.h"

static void* volatile held;
static volatile uintptr_t first_place;

static OWN_FRAME void* grow(void* block) {
  for (int i = 1; i <= 1000; ++i) block = realloc(block, i * 100);
  return block;
}

static OWN_FRAME void keep_last(void) { held = grow(malloc(7)); }

static OWN_FRAME void leak_last(void) { use(grow(malloc(7))); }

static OWN_FRAME void leak_stale(void) {
  void* block = malloc(7);
  first_place = (uintptr_t)block;
  use(grow(block));
}

int main(void) {
  keep_last();
  leak_last();
  leak_stale();
  scrub();
  return 0;
}

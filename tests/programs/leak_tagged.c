// Pointers with a mark in their lowest bits point into the block, with one in their highest nowhere: possible 2 x 16, definite 1 x 24.
#include "leak.h"

static volatile uintptr_t low_one;
static volatile uintptr_t low_seven;
static volatile uintptr_t high;

static OWN_FRAME void maybe_marked(void) {
  low_one = (uintptr_t)block_of(16) | 1;
  low_seven = (uintptr_t)block_of(16) | 7;
}

static OWN_FRAME void leak_marked(void) { high = (uintptr_t)block_of(24) | (uintptr_t)1 << 63; }

int main(void) {
  maybe_marked();
  leak_marked();
  scrub();
  return 0;
}

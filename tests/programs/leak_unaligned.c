// A pointer at an odd address does not hold its block, as only whole words are looked at: reachable 1 x 16, definite 1 x 24.
#include "leak.h"

static struct __attribute__((packed)) {
  char before;
  void* volatile odd;
  char between[7];
  void* volatile even;
} record __attribute__((aligned(16)));

static OWN_FRAME void leak_odd(void) { record.odd = block_of(24); }
static OWN_FRAME void keep_even(void) { record.even = block_of(16); }

int main(void) {
  leak_odd();
  keep_even();
  scrub();
  return 0;
}

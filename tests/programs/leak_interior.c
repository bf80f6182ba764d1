// Pointers to the second byte, the middle and the last byte of a block, and no other: possible 3 x 48.
#include "leak.h"

static char* volatile second;
static char* volatile middle;
static char* volatile last;

static OWN_FRAME void maybe_held(void) {
  second = (char*)block_of(48) + 1;
  middle = (char*)block_of(48) + 24;
  last = (char*)block_of(48) + 47;
}

int main(void) {
  maybe_held();
  scrub();
  return 0;
}

// What hangs from a block that may be held may be held, too: possible 1 x 48 + 1 x 16.
#include "leak.h"

static char* volatile inside;

static OWN_FRAME void maybe_held(void) {
  void** block = calloc(1, 48);
  block[5] = block_of(16);
  inside = (char*)block + 8;
}

int main(void) {
  maybe_held();
  scrub();
  return 0;
}

// A block with a pointer to its inside and another to its start is held: reachable 1 x 48.
#include "leak.h"

static char* volatile inside;
static char* volatile start;

static OWN_FRAME void keep_held(void) {
  char* block = block_of(48);
  inside = block + 16;
  start = block;
}

int main(void) {
  keep_held();
  scrub();
  return 0;
}

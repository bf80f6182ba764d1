// A pointer one past the end of a block does not hold it: definite 1 x 20.
#include "leak.h"

static char* volatile end;

static OWN_FRAME void leak_end(void) { end = (char*)block_of(20) + 20; }

int main(void) {
  leak_end();
  scrub();
  return 0;
}

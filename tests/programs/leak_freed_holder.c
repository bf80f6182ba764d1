// What only a freed block pointed to, whose bytes are still there: definite 10 x 40.
#include "leak.h"

static void** volatile holder;

static OWN_FRAME void leak_ten(void) {
  for (int i = 0; i < 10; ++i) holder[20 + i] = block_of(40);
}

int main(void) {
  holder = calloc(64, sizeof *holder);
  leak_ten();
  free(holder);
  scrub();
  return 0;
}

// Blocks of many megabytes, beside numbers of 32 bits: what stands at their end, an interior pointer far inside, a lost one: reachable 1 x 20971520 + 1 x 32, possible 1 x 17825792, definite 1 x 18874368.
#include "leak.h"

static char* volatile held;
static char* volatile inside;
// One for each 16 MiB below 4 GiB, as a program keeps of files, times or sizes.
static volatile long numbers[256];

static OWN_FRAME void keep_large(void) {
  held = calloc(1, 20 << 20);
  *(void**)(held + (20 << 20) - 8) = block_of(32);
}

static OWN_FRAME void maybe_large(void) { inside = (char*)calloc(1, 17 << 20) + (16 << 20); }
static OWN_FRAME void leak_large(void) { use(calloc(1, 18 << 20)); }

int main(void) {
  for (long i = 0; i < 256; ++i) numbers[i] = i << 24;
  leak_large();
  keep_large();
  maybe_large();
  scrub();
  return 0;
}

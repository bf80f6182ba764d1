// An exit function that loses one block, frees one and makes one: definite 1 x 40, reachable 1 x 32.
#include "leak.h"

static void* volatile lost;
static void* volatile given_back;
static void* volatile held;

static OWN_FRAME void leak_one(void) { lost = block_of(40); }
static OWN_FRAME void leak_never(void) { given_back = block_of(48); }
static OWN_FRAME void keep_late(void) { held = block_of(32); }

static void at_end(void) {
  lost = NULL;
  free(given_back);
  given_back = NULL;
  keep_late();
}

int main(void) {
  atexit(at_end);
  leak_one();
  leak_never();
  scrub();
  return 0;
}

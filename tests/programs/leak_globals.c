// Blocks held by initialised and zeroed data, by a table and by a function's static: reachable 4 x 16.
#include "leak.h"

static struct {
  long mark;
  void* volatile held;
} initialised = {42, NULL};
static void* volatile zeroed;
static void* volatile table[1000] = {(void*)1};

static OWN_FRAME void keep_static(void) {
  static void* volatile own;
  own = block_of(16);
}

static OWN_FRAME void keep_globals(void) {
  initialised.held = block_of(16);
  zeroed = block_of(16);
  table[777] = block_of(16);
}

int main(void) {
  keep_globals();
  keep_static();
  scrub();
  return 0;
}

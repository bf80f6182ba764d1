// quick_exit: what main holds, what is lost: reachable 1 x 32, definite 1 x 40.
// LSan: looks at exit only.
#include "leak.h"

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(32);
  use(block);
  return block;
}

static OWN_FRAME void leak_one(void) { use(block_of(40)); }

int main(void) {
  void* volatile own = keep_one();
  leak_one();
  scrub();
  use((void*)&own);
  quick_exit(0);
}

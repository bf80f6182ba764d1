// What the variables of main and of ten calls below it hold when the last of them calls exit: reachable 12 x 24.
#include "leak.h"

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(24);
  use(block);
  return block;
}

static OWN_FRAME void descend(int left) {
  void* volatile own = keep_one();
  if (left == 0) exit(0);
  descend(left - 1);
  use(own);
}

int main(void) {
  void* volatile own = keep_one();
  descend(10);
  use(own);
  return 1;
}

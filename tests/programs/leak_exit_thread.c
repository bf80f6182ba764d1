// exit called by a second thread, while main waits for it: what both hold: reachable 2 x 32, definite 1 x 40.
#include "leak.h"

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(32);
  use(block);
  return block;
}

static OWN_FRAME void leak_one(void) { use(block_of(40)); }

static void* end_process(void* unused) {
  void* volatile own = keep_one();
  leak_one();
  scrub();
  use((void*)&own);
  exit(0);
  return unused;
}

int main(void) {
  void* volatile own = keep_one();
  run_thread(end_process, NULL);
  use(own);
  return 1;
}

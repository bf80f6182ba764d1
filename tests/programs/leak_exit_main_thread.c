// main leaves by pthread_exit and another thread ends the process later: main's variables are gone: definite 1 x 40, reachable 1 x 32.
// Valgrind: not compared: main's stale frame lies above what pthread_exit left.
// LSan: looks at main's stale frame, above what pthread_exit left.
#include "leak.h"

static pthread_t main_thread;

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(32);
  use(block);
  return block;
}

static OWN_FRAME void* leak_one(void) {
  void* block = block_of(40);
  use(block);
  return block;
}

static void* end_later(void* unused) {
  void* volatile own = keep_one();
  pthread_join(main_thread, NULL);
  usleep(20000);  // nothing is left of the first thread then but its number
  use((void*)&own);
  exit(0);
  return unused;
}

int main(void) {
  void* volatile own = leak_one();
  main_thread = pthread_self();
  start_thread(end_later, NULL);
  use((void*)&own);
  pthread_exit(NULL);
}

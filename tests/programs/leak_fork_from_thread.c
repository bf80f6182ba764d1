// A child forked by a second thread: what the first one held is no more its own affair; what it lost and holds itself is: definite 1 x 48, reachable 1 x 32 + 1 x 56.
// Valgrind: definite 1 x 48, reachable 2 x 32 + 1 x 56: it repeats in a child what that has from its parent.
// LSan: repeats in a child what that has from its parent.
#include <sys/wait.h>

#include "leak.h"

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(32);
  use(block);
  return block;
}

static OWN_FRAME void* keep_in_child(void) {
  void* block = block_of(56);
  use(block);
  return block;
}

static OWN_FRAME void leak_in_child(void) { use(block_of(48)); }

static void* fork_one(void* status) {
  const pid_t child = fork();
  if (child == 0) {
    void* volatile own = keep_in_child();
    leak_in_child();
    scrub();
    use((void*)&own);
    exit(0);
  }
  waitpid(child, status, 0);
  return NULL;
}

int main(void) {
  int status = 0;
  void* volatile own = keep_one();
  run_thread(fork_one, &status);
  scrub();
  use((void*)&own);
  exit(status);
}

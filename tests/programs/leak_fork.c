// A child's lost block and the parent's, each told of by its own process; what the child has from its parent is the parent's: definite 1 x 40 + 1 x 48, reachable 1 x 32.
// Valgrind: definite 2 x 40 + 1 x 48, reachable 2 x 32: it repeats in a child what that has from its parent.
// LSan: repeats in a child what that has from its parent.
#include <sys/wait.h>

#include "leak.h"

static void* volatile held;

static OWN_FRAME void keep_one(void) { held = block_of(32); }
static OWN_FRAME void leak_in_parent(void) { use(block_of(40)); }
static OWN_FRAME void leak_in_child(void) { use(block_of(48)); }

int main(void) {
  int status = 0;
  keep_one();
  leak_in_parent();
  if (fork() == 0) {
    leak_in_child();
    scrub();
    exit(0);
  }
  wait(&status);
  scrub();
  return status;
}

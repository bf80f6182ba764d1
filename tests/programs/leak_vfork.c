// vfork, whose child runs another program at once and must change nothing: reachable 1 x 32, definite 1 x 40.
#include <sys/wait.h>

#include "leak.h"

static void* volatile held;

static OWN_FRAME void keep_one(void) { held = block_of(32); }
static OWN_FRAME void leak_one(void) { use(block_of(40)); }

int main(void) {
  int status = 0;
  keep_one();
  leak_one();
  if (vfork() == 0) {
    execl("/bin/true", "true", NULL);
    _exit(1);
  }
  wait(&status);
  scrub();
  return status;
}

// A mapping and a block with a page that the program guards by madvise, which the map of the process does not tell, and blocks held by others: reachable 1 x 16384 + 3 x 32.
// LSan: looks at no mappings, and accuses what only they hold.
#include "leak_guard.h"

enum { kGuardInstall = 102 };  // MADV_GUARD_INSTALL, since Linux 6.13; where it is not known the page is an empty one

static char* volatile held_block;

static OWN_FRAME void keep_beside_guard(void) {
  held = mmap(NULL, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *(void**)held = keep_one();
  *(void**)(held + 2 * kPage) = keep_one();
  madvise(held + kPage, kPage, kGuardInstall);
}

static OWN_FRAME void keep_guarded_block(void) {
  held_block = memalign(kPage, 4 * kPage);
  *(void**)held_block = keep_one();
  madvise(held_block + kPage, kPage, kGuardInstall);
}

int main(void) {
  keep_beside_guard();
  keep_guarded_block();
  scrub();
  return 0;
}

// A file that became shorter than its mapping, so that reading behind its end is SIGBUS, and what lies before holds: reachable 1 x 32.
// LSan: looks at no mappings, and accuses what only they hold.
#include <sys/mman.h>

#include "leak.h"

static OWN_FRAME void keep_in(void* mapping) { ((void**)mapping)[10] = block_of(32); }

int main(void) {
  char name[] = "/tmp/weir-leak-XXXXXX";
  const int file = mkstemp(name);
  if (file < 0 || unlink(name) != 0 || ftruncate(file, 64 * 4096) != 0) return 2;
  void* mapping = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapping == MAP_FAILED) return 2;
  keep_in(mapping);
  if (ftruncate(file, 4096) != 0) return 2;
  scrub();
  return 0;
}

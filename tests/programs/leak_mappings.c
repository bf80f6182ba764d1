// Memory of mmap: private, shared, of a file, shared with a file, and made read-only afterwards: reachable 5 x 32.
// Valgrind: reachable 4 x 32, definite 1 x 32: it looks at writable memory only.
// LSan: looks at no mappings, and accuses what only they hold.
#include <sys/mman.h>

#include "leak.h"

enum { kBytes = 3 * 4096 };

static OWN_FRAME void keep_in(void* mapping) {
  if (mapping == MAP_FAILED) abort();
  ((void**)mapping)[1000] = block_of(32);
}

static int new_file(void) {
  char name[] = "/tmp/weir-leak-XXXXXX";
  const int file = mkstemp(name);
  if (file < 0 || unlink(name) != 0 || ftruncate(file, kBytes) != 0) abort();
  return file;
}

int main(void) {
  const int both = PROT_READ | PROT_WRITE;
  keep_in(mmap(NULL, kBytes, both, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  keep_in(mmap(NULL, kBytes, both, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  keep_in(mmap(NULL, kBytes, both, MAP_PRIVATE, new_file(), 0));
  keep_in(mmap(NULL, kBytes, both, MAP_SHARED, new_file(), 0));
  void* frozen = mmap(NULL, kBytes, both, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  keep_in(frozen);
  mprotect(frozen, kBytes, PROT_READ);
  frozen = NULL;
  use(&frozen);
  scrub();
  return 0;
}

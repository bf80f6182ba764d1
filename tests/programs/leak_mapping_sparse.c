// A reservation of 64 GiB of which a few pages were touched: reachable 3 x 32.
// Valgrind: not compared: it cannot reserve as much.
// LSan: looks at no mappings, and accuses what only they hold.
#include <sys/mman.h>

#include "leak.h"

static const size_t kBytes = (size_t)64 << 30;

static OWN_FRAME void keep_at(char* place) { *(void**)place = block_of(32); }

int main(void) {
  char* mapping = mmap(NULL, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return 77;
  madvise(mapping, kBytes, MADV_NOHUGEPAGE);
  keep_at(mapping + 4096);
  keep_at(mapping + kBytes / 2 + 8);
  keep_at(mapping + kBytes - 8);
  scrub();
  return 0;
}

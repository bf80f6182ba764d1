// Memory that the program took by sbrk: reachable 2 x 32.
// LSan: looks at no mappings, and accuses what only they hold.
#include "leak.h"

static OWN_FRAME void keep_in(void** area) {
  area[0] = block_of(32);
  area[1000] = block_of(32);
}

int main(void) {
  void** area = sbrk(3 * 4096);
  if (area == (void**)-1) return 2;
  keep_in(area);
  area = NULL;
  use(&area);
  scrub();
  return 0;
}

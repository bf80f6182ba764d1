// Page-locked memory that holds the only address of a block, itself held and itself lost: reachable 1 x 4096 + 1 x 32, definite 1 x 8192, indirect 1 x 40.
// Device: simulated
#include "leak_device.h"

static void* volatile held_pinned;

static OWN_FRAME void** pinned(size_t bytes) {
  void* address = NULL;
  if (allocate_pinned(&address, bytes, 0) != 0) abort();
  return memset(address, 0, bytes);
}

static OWN_FRAME void keep_both(void) {
  void** area = pinned(4096);
  area[100] = block_of(32);
  held_pinned = area;
}

static OWN_FRAME void leak_both(void) {
  void** area = pinned(8192);
  area[100] = block_of(40);
  use(area);
}

int main(void) {
  start_device();
  keep_both();
  leak_both();
  scrub();
  return 0;
}

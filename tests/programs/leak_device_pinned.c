// Page-locked and managed memory, held and lost, where managed memory in use may hold any address: reachable 2 x 4096, possible 2 x 8192.
// Device: simulated
#include "leak_device.h"

static void* volatile held_pinned;
static volatile device_address held_managed;

static OWN_FRAME void* pinned(size_t bytes) {
  void* address = NULL;
  if (allocate_pinned(&address, bytes, 0) != 0) abort();
  return address;
}

static OWN_FRAME device_address managed(size_t bytes) {
  device_address address = 0;
  if (allocate_managed(&address, bytes, 1) != 0) abort();
  return address;
}

static OWN_FRAME void keep_both(void) {
  held_pinned = pinned(4096);
  held_managed = managed(4096);
}

static OWN_FRAME void maybe_both(void) {
  use(pinned(8192));
  use((void*)managed(8192));
}

int main(void) {
  start_device();
  keep_both();
  maybe_both();
  scrub();
  return 0;
}

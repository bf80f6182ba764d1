// Device blocks whose addresses the program's data, its stack and its heap hold: reachable 3 x 1000 + 1 x 24.
// Device: simulated
#include "leak_device.h"

static volatile device_address held;
static void* volatile held_block;

static OWN_FRAME device_address keep_device(void) { return on_device(1000); }

static OWN_FRAME void keep_in_block(void) {
  device_address* block = calloc(1, 24);
  block[2] = keep_device();
  held_block = block;
}

int main(void) {
  start_device();
  held = keep_device();
  volatile device_address own = keep_device();
  keep_in_block();
  scrub();
  use((void*)&own);
  exit(0);
}

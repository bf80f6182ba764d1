// A device block whose address only a lost block of the heap holds: definite 1 x 24, indirect 1 x 1000.
// Device: simulated
#include "leak_device.h"

static OWN_FRAME void leak_both(void) {
  device_address* block = calloc(1, 24);
  block[1] = on_device(1000);
  use(block);
}

int main(void) {
  start_device();
  leak_both();
  scrub();
  return 0;
}

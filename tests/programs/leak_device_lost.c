// A device block whose address is nowhere, and no other on the device: definite 1 x 1000.
// Device: simulated
#include "leak_device.h"

static OWN_FRAME void leak_device(void) { use((void*)on_device(1000)); }

int main(void) {
  start_device();
  leak_device();
  scrub();
  return 0;
}

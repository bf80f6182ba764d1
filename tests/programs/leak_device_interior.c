// A device block of which only an address inside is left: possible 1 x 1000.
// Device: simulated
#include "leak_device.h"

static volatile device_address inside;

static OWN_FRAME void maybe_device(void) { inside = on_device(1000) + 256; }

int main(void) {
  start_device();
  maybe_device();
  scrub();
  return 0;
}

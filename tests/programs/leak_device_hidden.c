// A device block whose address no word of the host's holds, while another that is held has it, as nobody can see: reachable 1 x 4096, possible 1 x 1000.
// Device: simulated
#include "leak_device.h"

static volatile device_address held;

static OWN_FRAME void keep_table(void) {
  held = on_device(4096);
  use((void*)&held);
}

static OWN_FRAME device_address maybe_in_table(void) {
  const device_address address = on_device(1000);
  use((void*)address);
  return address;
}

static OWN_FRAME void hand_over(device_address address) {
  if (copy_to_device(held + 80, &address, sizeof address) != 0) abort();
  address = 0;
  use(&address);
}

int main(void) {
  start_device();
  keep_table();
  hand_over(maybe_in_table());
  scrub();
  return 0;
}

// Shows that a program may reserve pool memory through the optional header, and that it links and runs without Weir.
#include <stdio.h>

#include "../../include/weir/weir.h"

int main(void) {
  printf("%s %d\n", weir_present() ? "present" : "absent", weir_reserve((size_t)512 << 20));
  return 0;
}

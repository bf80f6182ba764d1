// A million leaks from ten stacks: the report's size is bounded by stacks, not by leaks.
#include <stdlib.h>

enum { kPerStack = 100000 };

static void* volatile kept;

#define LEAK(name, bytes) \
  static __attribute__((noinline)) void name(void) { kept = malloc(bytes); }

LEAK(leak_8, 8)
LEAK(leak_16, 16)
LEAK(leak_24, 24)
LEAK(leak_32, 32)
LEAK(leak_40, 40)
LEAK(leak_48, 48)
LEAK(leak_56, 56)
LEAK(leak_64, 64)
LEAK(leak_72, 72)
LEAK(leak_80, 80)

int main(void) {
  for (int i = 0; i < kPerStack; ++i) {
    leak_8(), leak_16(), leak_24(), leak_32(), leak_40();
    leak_48(), leak_56(), leak_64(), leak_72(), leak_80();
  }
  return 0;
}

// An exception that nobody catches: what main holds, what is lost: reachable 1 x 32, definite 1 x 40.
// Ends: signal 6
// LSan: looks at exit only.
#include "leak.h"

OWN_FRAME void* keep_one() {
  void* block = block_of(32);
  use(block);
  return block;
}

OWN_FRAME void leak_one() { use(block_of(40)); }

OWN_FRAME void throw_int() { throw 1; }

int main() {
  void* volatile own = keep_one();
  leak_one();
  scrub();
  throw_int();
  use(own);
}

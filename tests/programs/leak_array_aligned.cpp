// An array of an over-aligned class with a destructor, whose count lies a whole alignment before it: reachable 1 x 256, definite 1 x 320.
// Valgrind: possible 1 x 256, definite 1 x 320: it knows counts at the start of a block only.
#include "leak.h"

struct alignas(64) Wide {
  char bytes[64];
  ~Wide() { use(this); }
};

static Wide* volatile held;

OWN_FRAME void keep_array() { held = new Wide[3]; }
OWN_FRAME void leak_array() { use(new Wide[4]); }

int main() {
  keep_array();
  leak_array();
  scrub();
}

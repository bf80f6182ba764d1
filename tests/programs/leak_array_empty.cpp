// Arrays of no elements: without a count, and with one, where the pointer is one past the end: reachable 1 x 0 + 1 x 8, definite 1 x 0 + 1 x 8.
// Valgrind: reachable 1 x 0, definite 1 x 0 + 2 x 8: it takes no pointer one past the end of a block for one to it.
// LSan: counts a block of no bytes as one.
#include "leak.h"

struct Counted {
  long value;
  ~Counted() { use(this); }
};

static char* volatile held;
static Counted* volatile held_counted;
static volatile int none = 0;

OWN_FRAME void keep_arrays() {
  held = new char[none];
  held_counted = new Counted[none];
}

OWN_FRAME void leak_arrays() {
  use(new char[none]);
  use(new Counted[none]);
}

int main() {
  keep_arrays();
  leak_arrays();
  scrub();
}

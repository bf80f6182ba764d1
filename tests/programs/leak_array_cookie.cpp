// Arrays of a class with a destructor, of which the pointer lies behind the count that new[] writes first: reachable 1 x 32, definite 1 x 48.
#include "leak.h"

struct Counted {
  long value;
  ~Counted() { use(this); }
};

static Counted* volatile held;

OWN_FRAME void keep_array() { held = new Counted[3]; }
OWN_FRAME void leak_array() { use(new Counted[5]); }

int main() {
  keep_array();
  leak_array();
  scrub();
}

// An object held through its virtual base: reachable 1 x 32.
#include "leak.h"

struct Base {
  virtual ~Base() = default;
  long value = 1;
};
struct Derived : virtual Base {
  long own = 2;
};

static Base* volatile held;

OWN_FRAME void keep_derived() { held = new Derived; }

int main() {
  keep_derived();
  scrub();
}

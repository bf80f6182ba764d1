// Objects held through their second base, a class with virtual functions and one without: reachable 1 x 32, possible 1 x 32.
#include "leak.h"

struct First {
  virtual ~First() = default;
  long first = 1;
};
struct Second {
  virtual ~Second() = default;
  long second = 2;
};
struct Plain {
  long plain[2] = {3, 4};
};
struct Both : First, Second {};
struct WithPlain : First, Plain {};

static Second* volatile held_second;
static Plain* volatile held_plain;

OWN_FRAME void keep_second() { held_second = new Both; }
OWN_FRAME void maybe_plain() { held_plain = new WithPlain; }

int main() {
  keep_second();
  maybe_plain();
  scrub();
}

// Strings with short and long text, held and lost: reachable 2 x 32 + 1 x 101, definite 2 x 32, indirect 1 x 101.
// A string with short text points into itself, which neither holds it nor makes it possible.
#include <string>

#include "leak.h"

static std::string* volatile short_one;
static std::string* volatile long_one;

OWN_FRAME void keep_strings() {
  short_one = new std::string("short");
  long_one = new std::string(100, 'x');
}

OWN_FRAME void leak_strings() {
  use(new std::string("short"));
  use(new std::string(100, 'x'));
}

int main() {
  keep_strings();
  leak_strings();
  scrub();
}

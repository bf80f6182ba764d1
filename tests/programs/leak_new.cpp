// A block of each form of operator new, dropped at once: definite 5 x 24 + 2 x 64.
#include <new>

#include "leak.h"

struct alignas(64) Wide {
  char bytes[64];
};

OWN_FRAME void leak_each() {
  use(filled(new long[3], 24));
  use(filled(new char[24], 24));
  use(filled(new (std::nothrow) char[24], 24));
  use(filled(::operator new(24), 24));
  use(filled(::operator new[](24), 24));
  use(filled(new Wide, 64));
  use(filled(new Wide[1], 64));
}

int main() {
  leak_each();
  scrub();
}

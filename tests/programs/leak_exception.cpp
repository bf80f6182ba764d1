// What throwing jumped over, and what was thrown by pointer and not given back: definite 1 x 40 + 1 x 4.
#include "leak.h"

OWN_FRAME void throw_int() { throw 1; }

OWN_FRAME void leak_behind() {
  char* own = new char[40];
  filled(own, 40);
  throw_int();
  delete[] own;
}

OWN_FRAME int* leak_thrown() {
  int* thrown = new int(7);
  use(thrown);
  return thrown;
}

int main() {
  try {
    leak_behind();
  } catch (int) {
  }
  try {
    throw leak_thrown();
  } catch (int*) {
  }
  scrub();
}

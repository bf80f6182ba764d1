// An exception whose handler ends the process, and one that is kept, to which pointers behind the header of their block are left: possible 2 x 144 + 2 x 24.
#include <exception>

#include "leak.h"

struct Trouble {
  void* block;
  long rest;
};

static std::exception_ptr* volatile kept;

OWN_FRAME void maybe_throw() {
  void* block = block_of(24);
  use(block);
  throw Trouble{block, 0};
}

OWN_FRAME void catch_one() {
  try {
    maybe_throw();
  } catch (...) {
    *kept = std::current_exception();
  }
}

int main() {
  kept = new std::exception_ptr;
  catch_one();
  try {
    maybe_throw();
  } catch (const Trouble&) {
    scrub();
    exit(0);
  }
}

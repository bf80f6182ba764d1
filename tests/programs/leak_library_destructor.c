// A library's destructor, which runs after every exit function, forgets its block: definite 1 x 40.
// Library: linked
#include "leak.h"

#ifdef LIBRARY
static void* volatile held;
OWN_FRAME void leak_later(void) { held = block_of(40); }
static __attribute__((destructor)) void forget(void) { held = NULL; }
#else
void leak_later(void);

int main(void) {
  leak_later();
  scrub();
  return 0;
}
#endif

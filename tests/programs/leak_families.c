// A block of each of the C library's functions, dropped at once: definite 8 x 24.
#include <malloc.h>

#include "leak.h"

static OWN_FRAME void leak_each(void) {
  void* aligned = NULL;
  use(filled(malloc(24), 24));
  use(filled(calloc(3, 8), 24));
  use(filled(realloc(NULL, 24), 24));
  use(filled(reallocarray(NULL, 2, 12), 24));
  use(posix_memalign(&aligned, 64, 24) == 0 ? filled(aligned, 24) : NULL);
  aligned = NULL;
  use(filled(memalign(128, 24), 24));
  use(filled(valloc(24), 24));
  use(filled(strdup("twenty-three characters"), 24));
}

int main(void) {
  leak_each();
  scrub();
  return 0;
}

// The usual mistake: the only pointer is overwritten by what a failed realloc returns: definite 1 x 40.
// LSan: ends the process at so large a request.
#include "leak.h"

static void* volatile held;

static OWN_FRAME void leak_failed(void) {
  volatile size_t too_much = PTRDIFF_MAX;
  held = malloc(40);
  held = realloc(held, too_much);
}

int main(void) {
  leak_failed();
  scrub();
  return held != NULL;
}

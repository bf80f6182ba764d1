// What only the data of a library held that was closed, and what it held by itself: definite 2 x 40.
// Library: loaded
#include "leak.h"

#ifdef LIBRARY
static void* volatile held;
static void* volatile own;
static OWN_FRAME void leak_inside(void) { own = block_of(40); }
void hold_in_library(void* block) {
  held = block;
  leak_inside();
  use((void*)&held);
}
#else
#include <dlfcn.h>

static OWN_FRAME void leak_into(void* library) {
  void (*hold)(void*) = (void (*)(void*))dlsym(library, "hold_in_library");
  hold(block_of(40));
  use((void*)&hold);
}

int main(int count, char** arguments) {
  void* library = dlopen(arguments[count - 1], RTLD_NOW);
  if (library == NULL) return 2;
  leak_into(library);
  if (dlclose(library) != 0) return 3;
  library = NULL;
  use(&library);
  scrub();
  return 0;
}
#endif

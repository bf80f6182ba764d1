// Data of a library that was loaded by dlopen, initialised and zeroed: reachable 2 x 32.
// Library: loaded
#include "leak.h"

#ifdef LIBRARY
static void* volatile initialised[2] = {(void*)1, NULL};
static void* volatile zeroed;
void hold_in_library(void* one, void* two) {
  initialised[1] = one;
  zeroed = two;
}
#else
#include <dlfcn.h>

static OWN_FRAME void keep_both(void* library) {
  void (*hold)(void*, void*) = (void (*)(void*, void*))dlsym(library, "hold_in_library");
  hold(block_of(32), block_of(32));
}

int main(int count, char** arguments) {
  void* library = dlopen(arguments[count - 1], RTLD_NOW);
  if (library == NULL) return 2;
  keep_both(library);
  scrub();
  return 0;
}
#endif

// Thread-local variables of a library that was loaded by dlopen, in main and in a running thread: reachable 2 x 32.
// Library: loaded
#include "leak.h"

#ifdef LIBRARY
static __thread void* volatile own[100];
void hold_in_library(void* block) { own[50] = block; }
#else
#include <dlfcn.h>

static void (*hold)(void*);
static volatile int ready;

static OWN_FRAME void keep_own(void) { hold(block_of(32)); }

static void* stay(void* unused) {
  hold(NULL);  // the thread's memory for the library's variables is the loader's
  keep_own();
  ready = 1;
  for (;;) pause();
  return unused;
}

int main(int count, char** arguments) {
  void* library = dlopen(arguments[count - 1], RTLD_NOW);
  if (library == NULL) return 2;
  hold = (void (*)(void*))dlsym(library, "hold_in_library");
  hold(NULL);
  keep_own();
  start_thread(stay, NULL);
  wait_for(&ready);
  scrub();
  return 0;
}
#endif

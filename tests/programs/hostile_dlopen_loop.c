// Loads and closes a library 20,000 times, calling it each time; argv[1]: the library. The last time it leaks 54321 bytes.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMES = 20000 };

int main(int argc, char** argv) {
  for (int i = 1; i <= TIMES; ++i) {
    void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
      puts(dlerror());
      return 1;
    }
    char* (*make)(size_t) = dlsym(library, "plugin_make");
    char* block = make(i == TIMES ? 54321 : 100);
    if (i < TIMES) free(block);
    if (dlclose(library) != 0) return 2;
  }
  return 3;
}

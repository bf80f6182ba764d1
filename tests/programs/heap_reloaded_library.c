// Allocates in two libraries that are loaded in turn at the same address; their code differs in one frame's size only.
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const void* first_place = NULL;
  int moved = 0;
  for (int round = 0; round < 20; ++round) {
    void* library = dlopen(argv[1 + round % 2], RTLD_NOW);
    if (library == NULL) return 3;
    void (*allocate)(unsigned long) = (void (*)(unsigned long))dlsym(library, "module_allocate");
    for (int i = 0; i < 50; ++i) allocate(100);
    if (first_place == NULL) first_place = (const void*)allocate;
    moved += (const void*)allocate != first_place;
    dlclose(library);
  }
  printf("%d loads elsewhere\n", moved);
  return 0;
}

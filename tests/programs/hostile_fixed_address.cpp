// Takes malloc's and free's addresses at a fixed load address: its entries of those names are no allocator of its own.
#include <cstdio>
#include <cstdlib>

int main() {
  void* (*volatile taken_malloc)(size_t) = malloc;
  void (*volatile taken_free)(void*) = free;
  taken_free(taken_malloc(100));
  free(taken_malloc(100));
  taken_free(operator new(100));
  operator delete(taken_malloc(100));
  volatile char* leak = new char[54321];
  leak[0] = 1;
  printf("out\n");
  return 3;
}

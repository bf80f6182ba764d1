// Leaks 3 blocks of 1,000 bytes through an inlined call, frees one block at once, prints a line and exits with argv[1].
#include <cstdio>
#include <cstdlib>

static void* volatile kept;

static inline __attribute__((always_inline)) void* inlined_allocation() {
  return malloc(1000);  // the planted line
}

__attribute__((noinline)) void leak_block() { kept = inlined_allocation(); }

int main(int argc, char** argv) {
  for (int i = 0; i < 3; ++i) leak_block();
  kept = malloc(50);
  free(kept);
  std::puts("on stdout");
  return argc > 1 ? std::atoi(argv[1]) : 0;
}

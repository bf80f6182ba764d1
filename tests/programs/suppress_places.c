// Loses blocks from three places that one function leads to, and from one beside it; keeps a block; -DMOVED moves the code.
#include <stdlib.h>
#include <string.h>

#ifdef MOVED
__attribute__((noinline)) int in_front(int x) { return x * 3 + 1; }
#endif

static void* volatile sink;
void* volatile kept;

__attribute__((noinline)) static void lose(size_t size) {
  sink = malloc(size);
  memset(sink, 1, size);
}
__attribute__((noinline)) static void lose_key(void) { lose(100), sink = 0; }
__attribute__((noinline)) static void lose_value(void) { lose(200), sink = 0; }
__attribute__((noinline)) static void fill_cache(void) {
  lose_key();
  lose_value();
  sink = strdup("the third");
  sink = 0;
}
__attribute__((noinline)) static void lose_alone(void) {
  sink = calloc(1, 300);
  sink = 0;
}
__attribute__((noinline)) static void scrub(void) {
  volatile char stack[4096];
  for (size_t i = 0; i < sizeof stack; ++i) stack[i] = 0;
}

int main(void) {
#ifdef MOVED
  sink = (void*)(size_t)in_front(1);
#endif
  for (int i = 0; i < 5; ++i) fill_cache();
  for (int i = 0; i < 5; ++i) lose_alone();
  kept = malloc(50);
  scrub();
  return 0;
}

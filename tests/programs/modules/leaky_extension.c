// A library for a script to load: lose(n) loses n blocks of 4,321 bytes.
#include <stdlib.h>

static void* volatile sink;

void lose(int blocks) {
  for (int i = 0; i < blocks; ++i) sink = malloc(4321);
  sink = NULL;
}

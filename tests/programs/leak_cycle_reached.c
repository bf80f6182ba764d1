// Two lost cycles, each with a lost block that points into it, older than the cycle and younger: definite 2 x 24, indirect 6 x 16.
// Valgrind: definite 2 x 24 + 1 x 16, indirect 5 x 16: it leaves a cycle definite that it met before the way in.
#include "leak.h"

static OWN_FRAME struct node* leak_cycle(void) {
  struct node* nodes[3];
  for (int i = 0; i < 3; ++i) nodes[i] = calloc(1, sizeof *nodes[i]);
  for (int i = 0; i < 3; ++i) nodes[i]->next = nodes[(i + 1) % 3];
  return nodes[1];
}

static OWN_FRAME void leak_older(void) {
  struct node** way_in = calloc(1, 24);
  way_in[2] = leak_cycle();
  use(way_in);
}

static OWN_FRAME void leak_younger(void) {
  struct node* cycle = leak_cycle();
  struct node** way_in = calloc(1, 24);
  way_in[2] = cycle;
  use(way_in);
}

int main(void) {
  leak_older();
  leak_younger();
  scrub();
  return 0;
}

// A cycle of four with one word of the program's data that points into it: reachable 4 x 16.
#include "leak.h"

static struct node* volatile held;

static OWN_FRAME void keep_cycle(void) {
  struct node* nodes[4];
  for (int i = 0; i < 4; ++i) nodes[i] = calloc(1, sizeof *nodes[i]);
  for (int i = 0; i < 4; ++i) nodes[i]->next = nodes[(i + 1) % 4];
  held = nodes[2];
}

int main(void) {
  keep_cycle();
  scrub();
  return 0;
}

// Two lost lists with one tail, which hangs from one of them only: definite 2 x 16, indirect 3 x 16.
#include "leak.h"

static OWN_FRAME void leak_lists(void) {
  struct node* nodes[5];
  for (int i = 0; i < 5; ++i) nodes[i] = calloc(1, sizeof *nodes[i]);
  nodes[0]->next = nodes[2];
  nodes[1]->next = nodes[2];
  nodes[2]->next = nodes[3];
  nodes[3]->next = nodes[4];
  use(nodes);
}

int main(void) {
  leak_lists();
  scrub();
  return 0;
}

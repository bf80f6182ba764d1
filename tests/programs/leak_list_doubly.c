// A lost list with links both ways, of which every block is held by another: definite 1 x 16, indirect 3 x 16.
// LSan: calls all indirect: a cycle has no leader there.
#include "leak.h"

static OWN_FRAME void leak_list(void) {
  struct node* nodes[4];
  for (int i = 0; i < 4; ++i) {
    nodes[i] = calloc(1, sizeof *nodes[i]);
    if (i == 0) continue;
    nodes[i - 1]->next = nodes[i];
    nodes[i]->other = nodes[i - 1];
  }
  use(nodes);
}

int main(void) {
  leak_list();
  scrub();
  return 0;
}

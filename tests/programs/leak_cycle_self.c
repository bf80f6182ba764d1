// A lost block that points to itself: definite 1 x 16.
#include "leak.h"

static OWN_FRAME void leak_self(void) {
  struct node* node = malloc(sizeof *node);
  node->next = node->other = node;
  use(node);
}

int main(void) {
  leak_self();
  scrub();
  return 0;
}

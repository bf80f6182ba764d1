// A lost cycle of a hundred from which a tree of seven hangs: definite 1 x 16, indirect 106 x 16.
// LSan: calls all indirect: a cycle has no leader there.
#include "leak.h"

static OWN_FRAME struct node* leak_tree(int levels) {
  if (levels == 0) return NULL;
  struct node* root = malloc(sizeof *root);
  root->next = leak_tree(levels - 1);
  root->other = leak_tree(levels - 1);
  return root;
}

static OWN_FRAME void leak_cycle(void) {
  struct node* first = calloc(1, sizeof *first);
  struct node* last = first;
  for (int i = 1; i < 100; ++i) {
    last->next = calloc(1, sizeof *last);
    last = last->next;
  }
  last->next = first;
  first->next->next->other = leak_tree(3);
  use(first);
}

int main(void) {
  leak_cycle();
  scrub();
  return 0;
}

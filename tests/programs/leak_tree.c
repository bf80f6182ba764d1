// A tree of fifteen, lost by its root: definite 1 x 16, indirect 14 x 16.
#include "leak.h"

static OWN_FRAME struct node* leak_tree(int levels) {
  if (levels == 0) return NULL;
  struct node* root = malloc(sizeof *root);
  root->next = leak_tree(levels - 1);
  root->other = leak_tree(levels - 1);
  return root;
}

int main(void) {
  use(leak_tree(4));
  scrub();
  return 0;
}

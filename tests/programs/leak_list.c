// A lost list of three: definite 1 x 16, indirect 2 x 16.
#include "leak.h"

static OWN_FRAME void leak_list(void) {
  struct node* head = NULL;
  for (int i = 0; i < 3; ++i) {
    struct node* node = calloc(1, sizeof *node);
    node->next = head;
    head = node;
  }
  use(head);
}

int main(void) {
  leak_list();
  scrub();
  return 0;
}

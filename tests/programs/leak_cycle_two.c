// Two lost blocks that point to each other: definite 1 x 16, indirect 1 x 16.
// LSan: calls both indirect: a cycle has no leader there.
#include "leak.h"

static OWN_FRAME void leak_pair(void) {
  struct node* one = calloc(1, sizeof *one);
  struct node* two = calloc(1, sizeof *two);
  one->next = two;
  two->next = one;
  use(one);
}

int main(void) {
  leak_pair();
  scrub();
  return 0;
}

// Lost cycles with a way into another cycle, which is older or younger: definite 2 x 16, indirect 6 x 16.
// LSan: calls all indirect: a cycle has no leader there.
#include "leak.h"

static OWN_FRAME struct node* leak_pair(void) {
  struct node* one = calloc(1, sizeof *one);
  struct node* two = calloc(1, sizeof *two);
  one->next = two;
  two->next = one;
  return one;
}

static OWN_FRAME void link_pairs(void) {
  struct node* older = leak_pair();
  struct node* younger = leak_pair();
  younger->other = older;
  older = leak_pair();
  younger = leak_pair();
  older->next->other = younger;
}

int main(void) {
  link_pairs();
  scrub();
  return 0;
}

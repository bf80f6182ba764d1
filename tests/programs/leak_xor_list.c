// A list of six whose links are two addresses XORed, held by its head: the first two are reached, the rest not: reachable 2 x 16, definite 3 x 16, indirect 1 x 16.
// The end nodes' links are plain addresses, so the last holds the last but one; nobody can read the rest without knowing the rule.
#include "leak.h"

struct xor_node {
  uintptr_t link;
  long value;
};

static struct xor_node* volatile head;

static OWN_FRAME struct xor_node* keep_node(void) {
  struct xor_node* node = calloc(1, sizeof *node);
  use(node);
  return node;
}

static OWN_FRAME struct xor_node* leak_node(void) {
  struct xor_node* node = calloc(1, sizeof *node);
  use(node);
  return node;
}

static OWN_FRAME void link_all(void) {
  struct xor_node* nodes[8] = {NULL};
  for (int i = 1; i <= 6; ++i) nodes[i] = i <= 2 ? keep_node() : leak_node();
  for (int i = 1; i <= 6; ++i) nodes[i]->link = (uintptr_t)nodes[i - 1] ^ (uintptr_t)nodes[i + 1];
  head = nodes[1];
}

int main(void) {
  link_all();
  scrub();
  return 0;
}

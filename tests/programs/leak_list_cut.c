// A list of five, held by its head and cut after the second: reachable 2 x 16, definite 1 x 16, indirect 2 x 16.
#include "leak.h"

static struct node* volatile head;

static OWN_FRAME struct node* keep_node(struct node* next) {
  struct node* node = calloc(1, sizeof *node);
  node->next = next;
  return node;
}

static OWN_FRAME struct node* leak_node(struct node* next) {
  struct node* node = calloc(1, sizeof *node);
  node->next = next;
  return node;
}

int main(void) {
  head = keep_node(keep_node(leak_node(leak_node(leak_node(NULL)))));
  head->next->next = NULL;
  scrub();
  return 0;
}

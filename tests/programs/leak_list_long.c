// Lists of 200,000, one held and one lost, too long for a search that recurses: reachable 200000 x 16, definite 1 x 16, indirect 199999 x 16.
#include "leak.h"

static struct node* volatile head;

static OWN_FRAME struct node* keep_list(void) {
  struct node* list = NULL;
  for (int i = 0; i < 200000; ++i) {
    struct node* node = calloc(1, sizeof *node);
    node->next = list;
    list = node;
  }
  return list;
}

static OWN_FRAME void leak_list(void) {
  struct node* list = NULL;
  for (int i = 0; i < 200000; ++i) {
    struct node* node = calloc(1, sizeof *node);
    node->next = list;
    list = node;
  }
  use(list);
}

int main(void) {
  head = keep_list();
  leak_list();
  scrub();
  return 0;
}

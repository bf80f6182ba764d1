// A list whose links point into the next block, held by its head: reachable 1 x 32, possible 2 x 32.
#include "leak.h"

struct inner {
  char before[16];
  struct inner* next;
  char after[8];
};

static struct inner* volatile head;

static OWN_FRAME struct inner* maybe_inner(struct inner* next) {
  struct inner* block = calloc(1, sizeof *block);
  block->next = next;
  return block;
}

static OWN_FRAME void keep_head(struct inner* next) {
  head = calloc(1, sizeof *head);
  head->next = next;
}

int main(void) {
  struct inner* last = maybe_inner(NULL);
  struct inner* middle = maybe_inner((struct inner*)&last->next);
  keep_head((struct inner*)&middle->next);
  last = middle = NULL;
  use(&last);
  use(&middle);
  scrub();
  return 0;
}

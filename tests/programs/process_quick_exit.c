// Ends by quick_exit(7), after a function registered by at_quick_exit that allocates.
#include <stdlib.h>
#include <unistd.h>

static void last_words(void) {
  void* volatile kept = malloc(444);
  if (kept != NULL) write(1, "quick\n", 6);
}

int main(void) {
  at_quick_exit(last_words);
  quick_exit(7);
}

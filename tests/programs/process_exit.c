// Ends by exit(4) inside a function; an exit function registered by main still allocates and prints.
#include <stdio.h>
#include <stdlib.h>

static void last_words(void) {
  void* volatile kept = malloc(333);
  printf("exit function %d\n", kept != NULL);
}

int main(void) {
  atexit(last_words);
  exit(4);
}

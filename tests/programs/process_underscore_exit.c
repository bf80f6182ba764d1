// Ends by _exit(5): no exit function runs and buffered output is lost.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
  void* volatile kept = malloc(1000);
  fputs("lost", stdout);
  _exit(kept == NULL ? 1 : 5);
}

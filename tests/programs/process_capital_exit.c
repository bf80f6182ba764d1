// Ends by _Exit(6), C's own name for _exit.
#include <stdlib.h>

int main(void) {
  void* volatile kept = malloc(1000);
  _Exit(kept == NULL ? 1 : 6);
}

// Ends by abort() with the default action of SIGABRT.
#include <stdlib.h>

int main(void) {
  void* volatile kept = malloc(1000);
  if (kept != NULL) abort();
  return 1;
}

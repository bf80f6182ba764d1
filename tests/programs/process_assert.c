// Ends by a failed assertion: its message on stderr, then SIGABRT.
#undef NDEBUG
#include <assert.h>
#include <stdlib.h>

int main(void) {
  void* volatile kept = malloc(1000);
  assert(kept == NULL);
  return 1;
}

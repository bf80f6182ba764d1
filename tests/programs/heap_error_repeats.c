// The same double free a thousand times, from one place.
#include <stdlib.h>

int main(void) {
  for (int i = 0; i < 1000; ++i) {
    char* volatile block = malloc(100);
    free(block);
    free(block);
  }
  return 0;
}

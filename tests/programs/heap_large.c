// Shows blocks beyond 16 MiB and 4 GiB: tracked with their size, listed one by one, found as large, and released again.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  char* gone = malloc((size_t)40 << 20);
  char* kept = malloc((size_t)40 << 20);
  char* vast = malloc((size_t)5 << 30);
  if (gone == NULL || kept == NULL || vast == NULL) return 1;
  gone[0] = kept[0] = vast[0] = 1;
  vast[((size_t)5 << 30) - 1] = 1;
  free(gone);
  kept = realloc(kept, (size_t)60 << 20);
  kept[((size_t)60 << 20) - 1] = 1;
  puts("kept");
  return 0;
}

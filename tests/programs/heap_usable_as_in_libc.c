// Says malloc_usable_size of blocks of many sizes, and then of others in the places of some that were freed.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { kSizes = 20000 };

static void* tell(size_t asked, void* block) {
  if (block == NULL) abort();
  printf("%zu %zu\n", asked, malloc_usable_size(block));
  return block;
}

int main(void) {
  static void* kept[kSizes];
  for (size_t bytes = 0; bytes < kSizes; ++bytes) kept[bytes] = tell(bytes, malloc(bytes));
  puts("freed");
  for (size_t bytes = 0; bytes < kSizes; bytes += 3) free(kept[bytes]);
  for (size_t bytes = 0; bytes < kSizes; bytes += 3)
    kept[bytes] = tell(bytes - bytes / 20, calloc(1, bytes - bytes / 20));
  for (size_t bytes = 1; bytes < kSizes; bytes += 3)
    kept[bytes] = tell(bytes - bytes / 20, realloc(kept[bytes], bytes - bytes / 20));
  return 0;
}

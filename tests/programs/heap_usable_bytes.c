// Fills all of malloc_usable_size, also beyond what it asked for: realloc keeps every byte.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  size_t checked = 0;
  for (size_t bytes = 1; bytes < 200000; bytes += bytes / 3 + 1) {
    unsigned char* block = malloc(bytes);
    const size_t usable = malloc_usable_size(block);
    if (usable < bytes) return 1;
    for (size_t i = 0; i < usable; ++i) block[i] = (unsigned char)(i * 31 + bytes);
    block = realloc(block, usable * 4 + 100000);
    for (size_t i = 0; i < usable; ++i) {
      if (block[i] != (unsigned char)(i * 31 + bytes)) {
        printf("%zu bytes, usable %zu: byte %zu is lost\n", bytes, usable, i);
        return 2;
      }
    }
    checked += usable;
    free(block);
  }
  printf("%s\n", checked > 200000 ? "kept" : "too little checked");
  return 0;
}

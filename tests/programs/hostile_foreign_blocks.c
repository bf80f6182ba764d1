// Frees, grows and asks for the size of memory that came from the libc behind any preload's back; leaks 54321 bytes.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void* __libc_malloc(size_t);
void* __libc_memalign(size_t, size_t);

int main(void) {
  for (size_t bytes = 1; bytes < 2000000; bytes *= 3) {
    free(__libc_malloc(bytes));
    free(__libc_memalign(4096, bytes));
    char* block = __libc_malloc(bytes);
    if (malloc_usable_size(block) < bytes) printf("usable size of %zu is too small\n", bytes);
    memset(block, 7, bytes);
    block = realloc(block, bytes * 2);
    if (block[bytes - 1] != 7) printf("contents lost\n");
    block = realloc(block, bytes / 2 + 1);
    if (block[bytes / 2] != 7) printf("contents lost\n");
    free(block);
  }
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  return 3;
}

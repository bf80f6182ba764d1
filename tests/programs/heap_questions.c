// Shows that the questions glibc answers about the heap get sensible answers: mallinfo2, malloc_info, malloc_trim, mallopt.
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  void* block = malloc(1 << 20);
  struct mallinfo2 with = mallinfo2();
  free(block);
  struct mallinfo2 without = mallinfo2();
  if (with.uordblks + with.hblkhd < without.uordblks + without.hblkhd + (1 << 20)) return 1;
  if (with.arena < with.uordblks || with.arena == 0) return 2;
  if (mallinfo().arena != (int)mallinfo2().arena) return 3;
  if (mallopt(M_MMAP_THRESHOLD, 1 << 20) != 1) return 4;
  malloc_trim(0);
  char text[4096] = "";
  FILE* stream = fmemopen(text, sizeof text, "w");
  if (malloc_info(0, stream) != 0) return 5;
  fclose(stream);
  if (strncmp(text, "<malloc version=\"1\">", 20) != 0 || strstr(text, "</malloc>") == NULL) return 6;
  if (malloc_info(1, stdout) != EINVAL) return 7;
  if (malloc_usable_size(NULL) != 0) return 8;
  puts("answered");
  return 0;
}

// Ends by returning 3 from main, with one block of 1000 bytes still allocated.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  void* volatile kept = malloc(1000);
  puts("returning");
  return kept == NULL ? 1 : 3;
}

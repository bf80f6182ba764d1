// Cuts mappings apart and moves them: partial munmap, MAP_FIXED, mremap that grows, shrinks, moves, doubles. 72 pages stay.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static char* map(char* at, int pages, int flags) {
  char* memory = mmap(at, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  if (memory == MAP_FAILED) abort();
  return memory;
}

static void unmap(char* memory, int pages) {
  if (munmap(memory, pages * PAGE) != 0) abort();
}

static char* remap(char* memory, int pages, int new_pages, int flags, char* at) {
  char* moved = mremap(memory, pages * PAGE, new_pages * PAGE, flags, at);
  if (moved == MAP_FAILED) {
    perror("mremap");
    abort();
  }
  return moved;
}

// 10 pages, a hole of 4, one of them mapped again: 7.
__attribute__((noinline)) static void leave_pieces(void) {
  char* memory = map(NULL, 10, 0);
  unmap(memory + 3 * PAGE, 4);
  map(memory + 4 * PAGE, 1, MAP_FIXED);
}

// Two mappings of 5, MAP_FIXED over 2 pages of each: 10, of which 4 are the new one's.
__attribute__((noinline)) static void leave_replaced(void) {
  char* memory = map(NULL, 10, 0);
  map(memory + 5 * PAGE, 5, MAP_FIXED);
  map(memory + 3 * PAGE, 4, MAP_FIXED);
}

// 5 pages grow to 20, shrink to 15, move to a place where 40 were reserved, which leaves 25 of those.
__attribute__((noinline)) static void leave_moved(void) {
  char* place = map(NULL, 40, 0);
  char* memory = remap(map(NULL, 5, 0), 5, 20, MREMAP_MAYMOVE, NULL);
  memory[19 * PAGE] = 1;
  memory = remap(memory, 20, 15, 0, NULL);
  memory = remap(memory, 15, 15, MREMAP_MAYMOVE | MREMAP_FIXED, place + 10 * PAGE);
  if (memory != place + 10 * PAGE) abort();
}

// MREMAP_DONTUNMAP keeps the old place: 4 + 4. A shared mapping's old size of 0 makes a second one: 3 + 4.
__attribute__((noinline)) static void leave_doubles(void) {
  remap(map(NULL, 4, 0), 4, 4, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
  char* shared = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  remap(shared, 0, 4, MREMAP_MAYMOVE, NULL);
}

int main(void) {
  leave_pieces();
  leave_replaced();
  leave_moved();
  leave_doubles();
  return 0;
}

// Random maps, unmaps, moves and protections in a zone of 300 pages, seeded by argv[1]; prints the pages mapped and reserved.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, PAGES = 300, STEPS = 3000 };
enum { NOTHING, RESERVED, COMMITTED };

static char state[PAGES];
static char* zone;

static void set(int from, int count, int value) { memset(state + from, value, count); }

static void map_fixed(int from, int count) {
  const int reserved = rand() % 2;
  if (mmap(zone + from * PAGE, count * PAGE, reserved ? PROT_NONE : PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
    abort();
  }
  set(from, count, reserved ? RESERVED : COMMITTED);
}

static void unmap(int from, int count) {
  if (munmap(zone + from * PAGE, count * PAGE) != 0) abort();
  set(from, count, NOTHING);
}

// Succeeds only where all of it is mapped, and may have changed a part where not: then all of it is mapped anew.
static void protect(int from, int count) {
  const int reserved = rand() % 2;
  if (mprotect(zone + from * PAGE, count * PAGE, reserved ? PROT_NONE : PROT_READ) == 0) {
    set(from, count, reserved ? RESERVED : COMMITTED);
  } else {
    map_fixed(from, count);
  }
}

// One page onto another, which it replaces. The kernel may unmap the target and then fail: only mapped pages are moved.
static void move(int from, int to) {
  if (from == to || state[from] == NOTHING) return;
  if (mremap(zone + from * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, zone + to * PAGE) == MAP_FAILED) abort();
  state[to] = state[from];
  state[from] = NOTHING;
}

int main(int argc, char** argv) {
  srand(atoi(argv[1]));
  zone = mmap(NULL, PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  set(0, PAGES, RESERVED);
  for (int step = 0; step < STEPS; ++step) {
    const int from = rand() % PAGES;
    const int most = PAGES - from < 30 ? PAGES - from : 30;
    const int count = 1 + rand() % most;
    switch (rand() % 5) {
      case 0:
        map_fixed(from, count);
        break;
      case 1:
        unmap(from, count);
        break;
      case 2:
        protect(from, count);
        break;
      case 3:
        munmap(zone + from * PAGE + 1, PAGE);
        break;  // refused
      default:
        move(from, rand() % PAGES);
        break;
    }
  }
  int reserved = 0, committed = 0;
  for (int i = 0; i < PAGES; ++i) {
    reserved += state[i] == RESERVED;
    committed += state[i] == COMMITTED;
  }
  printf("%d %d\n", reserved, committed);
  return 0;
}

// Shows weir_check_leaks: each place that still holds memory, with its stack, and nothing of the program's heap used for it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../include/weir/weir.h"

static void* keep[20];

__attribute__((noinline)) static void* hold_ten(void) {
  for (int i = 0; i < 10; ++i) keep[i] = malloc(1000 + i);
  return keep[0];
}

struct Seen {
  int rows, of_ten;
  unsigned long long bytes, count, last_bytes;
  int sorted, in_hold_ten, samples_right, allocated;
};

static int lies_in(const struct weir_leak* leak, uintptr_t start, uintptr_t end) {
  return leak->frame_count > 0 && leak->frames[0] >= start && leak->frames[0] < end;
}

static int take(const struct weir_leak* leak, void* context) {
  struct Seen* seen = context;
  ++seen->rows;
  seen->sorted = seen->sorted && leak->bytes <= seen->last_bytes;
  seen->last_bytes = leak->bytes;
  if (leak->count == 10 && leak->bytes == 10045) {
    seen->of_ten = 1;
    seen->in_hold_ten = lies_in(leak, (uintptr_t)&hold_ten, (uintptr_t)&hold_ten + 200);
    for (int i = 0; i < 10; ++i)
      seen->samples_right = seen->samples_right || leak->sample_address == (uintptr_t)keep[i];
    printf("memory %s whole %d stack %d class %d\n", leak->memory, leak->struct_bytes == sizeof *leak, leak->stack > 0,
           leak->leak_class >= WEIR_LEAK_LIVE && leak->leak_class <= WEIR_LEAK_REACHABLE);
  }
  free(malloc(50));  // the callback may do what it likes
  return 0;
}

static int stop_at_once(const struct weir_leak* leak, void* context) {
  ++*(int*)context;
  return 1;
}

int main(void) {
  struct Seen seen;
  memset(&seen, 0, sizeof seen);
  seen.last_bytes = ~0ull;
  seen.sorted = 1;
  setvbuf(stdout, NULL, _IONBF, 0);
  if (!weir_present()) {
    printf("absent %d\n", weir_check_leaks(&take, &seen));
    return 0;
  }
  hold_ten();
  void* mapping = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct weir_pool_stats before = {sizeof before}, after = {sizeof after};
  const int rows = weir_check_leaks(&take, &seen);
  printf("rows %d ten %d sorted %d place %d sample %d\n", rows == seen.rows && rows >= 2, seen.of_ten, seen.sorted,
         seen.in_hold_ten, seen.samples_right);
  int calls = 0;
  weir_stats(WEIR_HOST_POOL, &before);
  printf("stopped %d", weir_check_leaks(&stop_at_once, &calls));
  weir_stats(WEIR_HOST_POOL, &after);
  printf(" calls %d allocated %lu none %d\n", calls, (unsigned long)(after.alloc_count - before.alloc_count),
         weir_check_leaks(NULL, NULL));
  return mapping == MAP_FAILED;
}

// Shows what a program can ask of the pools without CUDA: the host's figures move with its blocks, and what there is not is refused.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../include/weir/weir.h"

enum { kBlocks = 1000, kBlockBytes = 3000 };

static struct weir_pool_stats figures_of(int pool) {
  struct weir_pool_stats stats;
  memset(&stats, 0, sizeof stats);
  stats.struct_bytes = sizeof stats;
  if (weir_stats(pool, &stats) != 0) stats.struct_bytes = 0;
  return stats;
}

static void show_grown(const struct weir_pool_stats* before, const struct weir_pool_stats* after) {
  printf("requested %ld live %ld allocs %ld frees %ld\n", (long)(after->requested_bytes - before->requested_bytes),
         (long)(after->live_count - before->live_count), (long)(after->alloc_count - before->alloc_count),
         (long)(after->free_count - before->free_count));
}

static void check_order(const struct weir_pool_stats* stats) {
  printf("ordered %d ratios %d peak %d\n",
         stats->requested_bytes <= stats->allocated_bytes && stats->allocated_bytes <= stats->active_bytes &&
             stats->active_bytes <= stats->capacity_bytes && stats->capacity_bytes <= stats->reserved_bytes,
         stats->fragmentation >= 0 && stats->fragmentation <= 1 && stats->utilization > 0 && stats->utilization <= 1 &&
             stats->hit_rate > 0 && stats->hit_rate <= 1,
         stats->peak_bytes >= stats->requested_bytes && stats->peak_reserved_bytes >= stats->reserved_bytes);
}

// A struct of an older header ends earlier: nothing behind its end is written.
static void ask_with_older_struct(void) {
  struct weir_pool_stats stats;
  memset(&stats, 0x5a, sizeof stats);
  stats.struct_bytes = 2 * sizeof(uint64_t);
  const int result = weir_stats(WEIR_HOST_POOL, &stats);
  const unsigned char* bytes = (const unsigned char*)&stats;
  int untouched = 1;
  for (size_t i = 2 * sizeof(uint64_t); i < sizeof stats; ++i) untouched = untouched && bytes[i] == 0x5a;
  printf("older %d %zu untouched %d\n", result, stats.struct_bytes, untouched);
  stats.struct_bytes = 1;
  printf("too small %d none %d\n", weir_stats(WEIR_HOST_POOL, &stats), weir_stats(WEIR_HOST_POOL, NULL));
}

int main(void) {
  static void* blocks[kBlocks];
  if (!weir_present()) {
    struct weir_pool_stats stats = {sizeof stats};
    printf("absent %d %d %d %d\n", (int)weir_trim(0), (int)weir_compact(), weir_stats(WEIR_HOST_POOL, &stats),
           weir_set("WEIR_CUDA_POOL", "on"));
    return 0;
  }
  fflush(stdout);
  const struct weir_pool_stats before = figures_of(WEIR_HOST_POOL);
  for (int i = 0; i < kBlocks; ++i) blocks[i] = malloc(kBlockBytes);
  const struct weir_pool_stats held = figures_of(WEIR_HOST_POOL);
  for (int i = 0; i < kBlocks; ++i) free(blocks[i]);
  const struct weir_pool_stats after = figures_of(WEIR_HOST_POOL);
  show_grown(&before, &held);
  show_grown(&before, &after);
  check_order(&held);
  ask_with_older_struct();
  const struct weir_pool_stats device = figures_of(0), pinned = figures_of(WEIR_PINNED_POOL);
  printf("no cuda: %zu %zu %ld %ld\n", device.struct_bytes / sizeof device, pinned.struct_bytes / sizeof pinned,
         (long)device.alloc_count, (long)weir_trim(0) + (long)weir_compact());
  printf("no pool: %zu %zu\n", figures_of(-4).struct_bytes, figures_of(1000).struct_bytes);
  printf("set: %d %d %d %d\n", weir_set("WEIR_CUDA_POOL", "on"), weir_set("WEIR_CUDA_POOL", "of"),
         weir_set("WEIR_LARGE", "1MiB"), weir_set(NULL, NULL));
  return 0;
}

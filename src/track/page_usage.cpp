#include "track/page_usage.h"

#include "track/pool_records.h"
#include "track/sampling.h"

namespace weir::track {
namespace {

uint64_t live_blocks(const PageRecords& page) {
  uint64_t count = 0;
  for (uint32_t index = 0; index < page.block_count; ++index) {
    const AtomicRecord* record = record_at(page, index);
    if (record == nullptr) break;
    count += is_live(state_of(record->word1.load(std::memory_order_relaxed)));
  }
  return count;
}

struct Walk {
  PageUsageTotals totals;
  UsedBlocks used_blocks;
};

// The directory's lock is held where the process samples: the pool's page cannot go meanwhile.
uint64_t blocks_in_use(const PageRecords& page, UsedBlocks used_blocks) {
  if (!sampling()) return live_blocks(page);
  const void* pool_page = page.page.load(std::memory_order_relaxed);
  return pool_page == nullptr ? 0 : used_blocks(pool_page);
}

void add_page(void* context, PageRecords& page) {
  auto* walk = static_cast<Walk*>(context);
  PageUsageTotals* totals = &walk->totals;
  const uint64_t bytes = uint64_t{page.block_count} * page.block_bytes;
  const uint64_t live = blocks_in_use(page, walk->used_blocks);
  totals->page_bytes += bytes;
  totals->active_page_bytes += live > 0 ? bytes : 0;
  totals->allocated_bytes += live * page.block_bytes;
}

}  // namespace

PageUsageTotals read_page_usage(UsedBlocks used_blocks) {
  Walk walk{{}, used_blocks};
  if (sampling()) {
    for_each_page_that_stays(&add_page, &walk);
  } else {
    for_each_page(&add_page, &walk);
  }
  return walk.totals;
}

}  // namespace weir::track

#include "track/page_usage.h"

#include "track/pool_records.h"

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

void add_page(void* context, PageRecords& page) {
  auto* totals = static_cast<PageUsageTotals*>(context);
  const uint64_t bytes = uint64_t{page.block_count} * page.block_bytes;
  const uint64_t live = live_blocks(page);
  totals->page_bytes += bytes;
  totals->active_page_bytes += live > 0 ? bytes : 0;
  totals->allocated_bytes += live * page.block_bytes;
}

}  // namespace

PageUsageTotals read_page_usage() {
  PageUsageTotals totals{};
  for_each_page(&add_page, &totals);
  return totals;
}

}  // namespace weir::track

#include "runtime/host_pin_blocks.h"

#include "core/print.h"
#include "cuda/pool/host_pins.h"
#include "options/options.h"
#include "pool/host_pool.h"
#include "pool/page_identity.h"
#include "track/live_set.h"
#include "track/pool_records.h"

namespace weir::runtime {
namespace {

constexpr size_t kPageBytes = 4096;

// Nothing else lies on its pages: the pool gives blocks above its size classes whole slices.
bool is_alone(const track::PageRecords& page) {
  return page.page.load(std::memory_order_relaxed) != nullptr && page.block_count == 1 &&
         page.block_bytes > track::kLargestClassBytes && page.start % kPageBytes == 0 &&
         page.block_bytes % kPageBytes == 0;
}

track::PageGeometry geometry_of(uintptr_t base) {
  const pool::PoolPage page = pool::pool_page_of(base);
  return {page.start, page.bytes, page.block_bytes};
}

// Where the process samples: a record that brings the block's free to the general path (track::is_placeholder).
bool mark(const core::Inside& inside, uintptr_t base) {
  const pool::BlockPage page = pool::block_page(reinterpret_cast<void*>(base));
  track::Block block;
  block.address = base;
  block.bytes = page.block_bytes;
  block.state = track::BlockState::live;
  track::InsertedPlace place;
  return track::insert_pool_block(inside, base, {page.page, page.block_bytes}, block, &geometry_of, &place);
}

bool find_block(const core::Inside& inside, uint64_t address, cuda::pool::HostBlock* block) {
  track::Block found;
  uintptr_t base = 0;
  const track::RemoveResult verdict = track::find_block(address, &found, &base);
  const bool is_unrecorded = verdict == track::RemoveResult::untracked ||
                             (verdict == track::RemoveResult::interior && !track::is_live(found.state));
  const bool is_live = verdict == track::RemoveResult::removed || verdict == track::RemoveResult::interior;
  const track::PageRecords* page = track::find_page(address);
  if (!(is_live || is_unrecorded) || base == 0 || page == nullptr || !is_alone(*page)) return false;
  if (is_unrecorded && !mark(inside, base)) return false;
  *block = {{page->start, page->block_bytes}, is_unrecorded ? page->block_bytes : found.bytes};
  return true;
}

void give_back(const core::Inside& inside, uint64_t start) {
  pool::pool_release(inside, reinterpret_cast<void*>(start));
}

}  // namespace

void configure_host_pin_blocks() {
  const options::Options& options = options::current();
  if (options.host_pin_above == 0) return;
  if (!options.host_pool) {
    core::print_line("WEIR_HOST_PIN_ABOVE needs the pool: with WEIR_HOST_POOL=off no block is registered");
    return;
  }
  cuda::pool::configure_host_pins(options.host_pin_above, {&find_block, &give_back});
}

}  // namespace weir::runtime

#include "track/live_set.h"

#include "track/foreign_table.h"
#include "track/pool_records.h"
#include "track/sampling.h"

namespace weir::track {

size_t detail::front_bytes;  // fixed before the first block

namespace {

void store_record(PageRecords& page, AtomicRecord& record, const Block& block) {
  const Record packed = pack(block);
  if (block.bytes >= kSizeElsewhere) [[unlikely]]
    page.large_bytes.store(block.bytes, std::memory_order_relaxed);
  const bool is_displaced = block.align_log2 == 0 && page.block_class.displaces(block.bytes);
  record.word0.store(packed.word0, std::memory_order_relaxed);
  record.word1.store(packed.word1 | (is_displaced ? kDisplacedMark : 0), std::memory_order_release);
}

// What a pool record says of `address`.
RemoveResult judge(const Block& block, uintptr_t address) {
  if (is_live(block.state)) {
    if (address == block.address) return RemoveResult::removed;
    return address > block.address && address < block.address + block.bytes ? RemoveResult::interior
                                                                            : RemoveResult::unknown;
  }
  return block.state == BlockState::freed && address == block.address ? RemoveResult::already_freed
                                                                      : RemoveResult::unknown;
}

struct Located {
  PageRecords* page = nullptr;
  AtomicRecord* record = nullptr;
  uint32_t index = 0;
};

Located locate(uintptr_t address) {
  PageRecords* page = find_page(address);
  if (page == nullptr || !holds(*page, address)) return {};
  const uint32_t index = block_index(*page, address);
  return {page, record_at(*page, index), index};
}

// Where the process samples, most blocks of a page have no live record: an old record tells nothing of them.
RemoveResult judge_without_record(const Located& located, uintptr_t address, Block* result, uintptr_t* pool_base) {
  *result = {};
  result->address = block_base(*located.page, located.index);
  if (pool_base != nullptr) *pool_base = result->address;
  return address == result->address ? RemoveResult::untracked : RemoveResult::interior;
}

bool lacks_live_record(const Located& located) {
  return located.record == nullptr || !is_live(state_of(located.record->word1.load(std::memory_order_acquire)));
}

void count_live_record(PageRecords& page, int change) {
  if (sampling()) page.live_records.fetch_add(static_cast<uint32_t>(change), std::memory_order_relaxed);
}

struct VisitContext {
  BlockVisitor visit;
  void* context;
};

void visit_page(void* context, PageRecords& page) {
  const auto* visitor = static_cast<const VisitContext*>(context);
  for (uint32_t index = 0; index < page.block_count; ++index) {
    read_live_block(page, index, [visitor](const Block& block) { visitor->visit(visitor->context, block); });
  }
}

}  // namespace

bool insert_pool_block(const core::Inside&, uintptr_t base, const PageIdentity& identity, const Block& block,
                       GeometryOf geometry, InsertedPlace* place) {
  PageRecords* page = page_for_insert(base, identity, geometry, &place->new_page);
  if (page == nullptr) return false;
  place->block_class = page->block_class;
  AtomicRecord* record = record_for_insert(*page, block_index(*page, base));
  if (record == nullptr) return false;
  count_live_record(*page, 1);
  store_record(*page, *record, block);
  return true;
}

bool insert_foreign_block(const core::Inside&, const Block& block) { return foreign_insert(block); }

RemoveResult find_block(uintptr_t address, Block* result, uintptr_t* pool_base) {
  if (pool_base != nullptr) *pool_base = 0;
  const Located located = locate(address);
  if (sampling() && located.page != nullptr && lacks_live_record(located)) {
    return judge_without_record(located, address, result, pool_base);
  }
  if (located.record != nullptr) {
    load_record(*located.page, located.index, *located.record, result);
    if (pool_base != nullptr) *pool_base = block_base(*located.page, located.index);
    return judge(*result, address);
  }
  return foreign_find(address, result) ? RemoveResult::removed : RemoveResult::unknown;
}

RemoveResult remove_block(const core::Inside&, uintptr_t address, Block* result, uintptr_t* pool_base,
                          BlockClass* block_class, FreedBy by) {
  const Located located = locate(address);
  if (sampling() && located.page != nullptr && lacks_live_record(located)) {
    if (block_class != nullptr) *block_class = located.page->block_class;
    return judge_without_record(located, address, result, pool_base);
  }
  if (located.record == nullptr) [[unlikely]] {
    *pool_base = 0;
    if (block_class != nullptr) *block_class = {};
    return foreign_take(address, result) ? RemoveResult::removed : RemoveResult::unknown;
  }
  load_record(*located.page, located.index, *located.record, result);
  *pool_base = block_base(*located.page, located.index);
  if (block_class != nullptr) *block_class = located.page->block_class;
  const RemoveResult verdict = judge(*result, address);
  if (verdict == RemoveResult::removed) [[likely]] {
    const uint64_t word1 = located.record->word1.load(std::memory_order_relaxed);
    located.record->word1.store(freed_word1(word1, by), std::memory_order_release);
    count_live_record(*located.page, -1);
  }
  return verdict;
}

void restore_block(const core::Inside&, const Block& block, uintptr_t pool_base) {
  if (pool_base == 0) {
    foreign_insert(block);
    return;
  }
  const Located located = locate(pool_base);
  count_live_record(*located.page, 1);
  store_record(*located.page, *located.record, block);
}

bool divert_free(const core::Inside&, uintptr_t address) {
  const Located located = locate(address);
  if (located.record == nullptr) return foreign_set_state(address, BlockState::live_of_loader);
  const uint64_t word1 = located.record->word1.load(std::memory_order_acquire);
  if (!is_live(state_of(word1))) return false;
  Block block;
  load_record(*located.page, located.index, *located.record, &block);
  if (block.address != address) return false;
  uint64_t expected = word1;  // a free meanwhile would be the program's own mistake: then its word stays
  const uint64_t diverted = (word1 & ~kStateMask) | static_cast<uint64_t>(BlockState::live_of_loader);
  return located.record->word1.compare_exchange_strong(expected, diverted, std::memory_order_acq_rel);
}

bool know_pool_page(uintptr_t base, const PageIdentity& identity, GeometryOf geometry, bool* new_page) {
  return page_for_insert(base, identity, geometry, new_page) != nullptr;
}

bool in_pool_page(uintptr_t address) {
  const PageRecords* page = find_page(address);
  return page != nullptr && holds(*page, address);
}

Surroundings find_surroundings(uintptr_t address) {
  const Located located = locate(address);
  if (sampling() || located.record == nullptr || located.page->page.load(std::memory_order_relaxed) == nullptr)
    return {};
  Surroundings found;
  load_record(*located.page, located.index, *located.record, &found.block);
  found.known = found.block.state != BlockState::never;
  return found;
}

void set_front_bytes(size_t bytes) { detail::front_bytes = bytes; }

void for_each_live_block(BlockVisitor visit, void* context) {
  VisitContext visitor{visit, context};
  for_each_page(&visit_page, &visitor);
  foreign_for_each(visit, context);
}

void live_set_reset_after_fork() {
  pool_records_reset_after_fork();
  foreign_reset_after_fork();
}

}  // namespace weir::track

#include "stack/rule_cache.h"

#include <sys/single_threaded.h>

#include "core/arena.h"
#include "core/spin_lock.h"
#include "stack/capture.h"
#include "stack/module_registry.h"
#include "stack/table_pages.h"

namespace weir::stack {

std::atomic<uint64_t> detail::current_rule_table{0};

namespace {

constexpr uint32_t kFirstLog = 9;
constexpr uint32_t kLargestLog = 24;
constexpr uint64_t kTombstone = 1;  // no code lies there
constexpr int kModuleShift = 48;

core::SpinLock table_lock;
uint32_t used_entries;  // tombstones included
std::atomic<uint64_t> built{0};

using Table = detail::RuleTable;

RuleEntry* free_entry(const Table& table, uintptr_t ip) {
  uint64_t i = table.home(ip);
  while (table.entries[i].key.load(std::memory_order_relaxed) != 0) i = (i + 1) & table.mask();
  return &table.entries[i];
}

void publish(RuleEntry* entry, uint64_t key, const UnwindRule& rule) {
  entry->rule = rule;
  entry->key.store(key, std::memory_order_release);
}

uint32_t copy_live_entries(const Table& from, const Table& to) {
  uint32_t copied = 0;
  for (uint64_t i = 0; from.entries != nullptr && i <= from.mask(); ++i) {
    const uint64_t key = from.entries[i].key.load(std::memory_order_relaxed);
    if (key == 0 || key == kTombstone) continue;
    publish(free_entry(to, key & kIpMask), key, from.entries[i].rule);
    ++copied;
  }
  return copied;
}

// Keeps the table at most half full. Under the lock.
bool make_room() {
  const uint64_t packed = detail::current_rule_table.load(std::memory_order_relaxed);
  const Table old(packed);
  if (packed != 0 && used_entries < (old.mask() + 1) / 2) return true;
  const uint32_t log = packed == 0 ? kFirstLog : old.log + 1;
  auto* entries = log > kLargestLog ? nullptr : core::arena_array<RuleEntry>(size_t{1} << log);
  if (entries == nullptr) return false;
  const uint64_t next = reinterpret_cast<uintptr_t>(entries) | uint64_t{log} << Table::kLogShift;
  used_entries = packed == 0 ? 0 : copy_live_entries(old, Table(next));
  detail::current_rule_table.store(next, std::memory_order_release);
  // Another thread may still be reading it.
  if (packed != 0 && __libc_single_threaded != 0)
    core::arena_discard(old.entries, (old.mask() + 1) * sizeof(RuleEntry));
  return true;
}

void insert(uintptr_t ip, core::ModuleId module, const UnwindRule& rule, uint32_t generation) {
  core::LockScope scope(table_lock);
  if (find_kept_rule(ip) != nullptr) return;
  if (module_generation.load(std::memory_order_acquire) != generation || !make_room()) return;
  RuleEntry* entry = free_entry(Table(detail::current_rule_table.load(std::memory_order_relaxed)), ip);
  publish(entry, ip | uint64_t{core::index_of(module)} << kModuleShift, rule);
  ++used_entries;
}

// Outermost frames that the tables do not show as such: the loader's own entry code, which runs constructors, and a
// function whose first instruction was put on a new stack as the return address (makecontext): no call precedes it.
bool begins_stacks(uintptr_t ip, const LoadedModule& module) { return in_loader(ip) || is_function_start(ip, module); }

FoundRule build(uintptr_t ip, bool exact) {
  FoundRule found;
  LoadedModule module;
  if (!plausible_code(ip) || !find_loaded_module(exact ? ip : ip - 1, &module)) return found;
  found.rule = build_rule(ip, exact, module);
  if (found.rule.kind == RuleKind::no_info && begins_stacks(ip, module)) found.rule.kind = RuleKind::entry;
  note_tables_read(module, built.fetch_add(1, std::memory_order_relaxed) + 1);
  found.module = register_module(module);
  return found;
}

[[gnu::noinline]] FoundRule build_and_keep(uintptr_t ip) {
  const uint32_t generation = module_generation.load(std::memory_order_acquire);
  FoundRule found = build(ip, false);
  const bool keep = found.rule.kind != RuleKind::no_info && found.module != core::ModuleId::none;
  if (keep) insert(ip, found.module, found.rule, generation);
  return found;
}

}  // namespace

FoundRule find_rule(uintptr_t return_address) {
  if (RuleEntry* entry = find_kept_rule(return_address)) [[likely]] {
    const uint64_t key = entry->key.load(std::memory_order_relaxed);
    return {entry->rule, static_cast<core::ModuleId>(key >> kModuleShift)};
  }
  return build_and_keep(return_address);
}

FoundRule find_exact_rule(uintptr_t ip) { return build(ip, true); }

void drop_rules_of(core::ModuleId module) {
  core::LockScope scope(table_lock);
  const uint64_t packed = detail::current_rule_table.load(std::memory_order_relaxed);
  if (packed == 0 || module == core::ModuleId::none) return;
  const Table table(packed);
  for (uint64_t i = 0; i <= table.mask(); ++i) {
    std::atomic<uint64_t>& key = table.entries[i].key;
    if (key.load(std::memory_order_relaxed) >> kModuleShift == core::index_of(module)) {
      key.store(kTombstone, std::memory_order_release);
    }
  }
}

uint64_t rules_built() { return built.load(std::memory_order_relaxed); }

void rule_cache_reset_after_fork() {
  table_lock.reset_after_fork();
  table_pages_reset_after_fork();
}

}  // namespace weir::stack

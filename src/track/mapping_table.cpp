#include "track/mapping_table.h"

#include <sys/syscall.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/spin_lock.h"
#include "core/system_call.h"
#include "track/mapped_files.h"
#include "track/mapping_residency.h"
#include "track/mapping_tree.h"

namespace weir::track {
namespace {

constexpr size_t kNodesPerChunk = 256;
constexpr uintptr_t kPageBytes = 4096;

struct NodeChunk {
  NodeChunk* next;
  MappingNode nodes[kNodesPerChunk];
};

core::SpinLock lock;  // guards everything below and the files
MappingNode* tree;
MappingNode* free_nodes;
NodeChunk* first_chunk;
NodeChunk* current_chunk;
size_t used_in_chunk;  // nodes of current_chunk that were handed out once; later chunks hold none
uint64_t last_serial;
core::PrioritySource priorities;
MappingTotals totals;

// ---- Nodes ----

void release_node(MappingNode* node) {
  node->right = free_nodes;
  free_nodes = node;
}

bool advance_chunk() {
  NodeChunk* next = current_chunk == nullptr ? first_chunk : current_chunk->next;
  if (next == nullptr) {
    next = static_cast<NodeChunk*>(core::arena_allocate(sizeof(NodeChunk)));
    if (next == nullptr) return false;
    (current_chunk == nullptr ? first_chunk : current_chunk->next) = next;
  }
  current_chunk = next;
  used_in_chunk = 0;
  return true;
}

MappingNode* unused_node() {
  if (MappingNode* node = free_nodes) {
    free_nodes = node->right;
    return node;
  }
  if ((current_chunk == nullptr || used_in_chunk == kNodesPerChunk) && !advance_chunk()) return nullptr;
  return &current_chunk->nodes[used_in_chunk++];
}

MappingNode* make_node(const Mapping& mapping) {
  MappingNode* node = unused_node();
  if (node == nullptr) return nullptr;
  node->mapping = mapping;
  node->left = node->right = nullptr;
  node->priority = priorities.next();
  return node;
}

void attach_node(MappingNode* node) {
  MappingNode* below;
  MappingNode* others;
  split_tree(tree, node->mapping.address, &below, &others);
  node->left = node->right = nullptr;
  tree = join_trees(join_trees(below, node), others);
}

// ---- Figures ----

template <class Change>
void change_figures(const Mapping& mapping, Change change) {
  change(totals.all);
  change(totals.kinds[static_cast<size_t>(mapping.kind)]);
}

void raise_peak(MappingFigures& figures) {
  if (figures.live_bytes() > figures.peak_bytes) figures.peak_bytes = figures.live_bytes();
}

void count_mapped(const Mapping& mapping) {
  const uint64_t peak_before = totals.all.peak_bytes;
  change_figures(mapping, [&](MappingFigures& figures) {
    ++figures.map_count;
    ++figures.live_count;
    figures.mapped_bytes += mapping.bytes;
    if (mapping.reserved()) figures.reserved_bytes += mapping.bytes;
    raise_peak(figures);
  });
  if (totals.all.peak_bytes != peak_before) totals.peak_tick = mapping.tick;
  if (MappedFile* file = mapping.file) {
    ++file->map_count;
    file->mapped_bytes += mapping.bytes;
    if (file->mapped_bytes > file->mapped_peak_bytes) file->mapped_peak_bytes = file->mapped_bytes;
  }
}

void count_unmapped(const Mapping& mapping) {
  change_figures(mapping, [&](MappingFigures& figures) {
    --figures.live_count;
    figures.unmapped_bytes += mapping.bytes;
    if (mapping.reserved()) figures.reserved_bytes -= mapping.bytes;
  });
  if (mapping.file != nullptr) mapping.file->mapped_bytes -= mapping.bytes;
}

void count_interval(const Mapping& mapping, int intervals) {
  change_figures(mapping,
                 [&](MappingFigures& figures) { figures.live_count += static_cast<uint64_t>(int64_t{intervals}); });
}

// ---- Cutting and joining ----

// The part of `mapping` from `address` on.
Mapping tail_of(const Mapping& mapping, uintptr_t address) {
  Mapping tail = mapping;
  tail.address = address;
  tail.bytes = mapping.end() - address;
  tail.offset += address - mapping.address;
  tail.resident_bytes = 0;
  return tail;
}

// Makes `address` a boundary: an interval that spans it becomes two. Where there is no memory for the second, that part is
// given up as untracked: better unknown than wrong.
void cut_at(uintptr_t address) {
  MappingNode* node = node_at_or_below(tree, address);
  if (node == nullptr || node->mapping.address == address || node->mapping.end() <= address) return;
  const Mapping tail = tail_of(node->mapping, address);
  node->mapping.bytes = address - node->mapping.address;
  count_interval(tail, 1);
  if (MappingNode* other = make_node(tail)) {
    attach_node(other);
  } else {
    count_unmapped(tail);
    ++totals.untracked_count;
  }
}

bool continues(const Mapping& low, const Mapping& high) {
  return low.serial == high.serial && low.end() == high.address && low.protection == high.protection &&
         low.offset + low.bytes == high.offset;
}

// Undoes a cut at `address` where its two sides are alike again, so that repeated mprotects leave no crumbs.
void join_at(uintptr_t address) {
  MappingNode* high = node_at_or_above(tree, address);
  if (high == nullptr || high->mapping.address != address || address == 0) return;
  MappingNode* low = node_at_or_below(tree, address - 1);
  if (low == nullptr || !continues(low->mapping, high->mapping)) return;
  core::take_from_tree(&tree, high->key());
  low->mapping.bytes += high->mapping.bytes;
  count_interval(high->mapping, -1);
  release_node(high);
}

// [address, address + bytes) as a list of nodes taken out of the tree.
MappingNode* take_out(uintptr_t address, size_t bytes) {
  if (tree == nullptr || bytes == 0) return nullptr;
  const uintptr_t end = address + bytes < address ? UINTPTR_MAX : address + bytes;
  cut_at(address);
  cut_at(end);
  MappingNode* below;
  MappingNode* inside;
  MappingNode* above;
  split_tree(tree, address, &below, &inside);
  split_tree(inside, end, &inside, &above);
  tree = join_trees(below, above);
  return list_of_tree(inside);
}

void forget_list(MappingNode* node) {
  while (node != nullptr) {
    MappingNode* next = node->right;
    count_unmapped(node->mapping);
    release_node(node);
    node = next;
  }
}

// ---- Putting back ----

bool kernel_maps(uintptr_t address) {
  unsigned char in_memory;
  return !core::failed(core::system_call(SYS_mincore, static_cast<long>(address & ~(kPageBytes - 1)), kPageBytes,
                                         core::as_argument(&in_memory)));
}

// The end of what is free in the tree from `address` on, at most `end`.
uintptr_t free_until(uintptr_t address, uintptr_t end) {
  const MappingNode* next = node_at_or_above(tree, address);
  return next == nullptr || next->mapping.address > end ? end : next->mapping.address;
}

void put_back_piece(const Mapping& whole, uintptr_t address, uintptr_t end) {
  Mapping piece = tail_of(whole, address);
  piece.bytes = end - address;
  count_interval(piece, 1);
  if (MappingNode* node = make_node(piece)) {
    attach_node(node);
    join_at(address);
    join_at(end);
  } else {
    count_unmapped(piece);
    ++totals.untracked_count;
  }
}

// The parts of `whole` that no other thread's mapping has taken meanwhile; the rest counts as unmapped.
void put_back(const Mapping& whole) {
  count_interval(whole, -1);
  uintptr_t address = whole.address;
  while (address < whole.end()) {
    const MappingNode* there = node_at_or_below(tree, address);
    if (there != nullptr && there->mapping.end() > address) {
      const uintptr_t taken_until = there->mapping.end() < whole.end() ? there->mapping.end() : whole.end();
      Mapping lost = whole;
      lost.bytes = taken_until - address;
      count_interval(lost, 1);
      count_unmapped(lost);
      address = taken_until;
    } else {
      const uintptr_t until = free_until(address, whole.end());
      put_back_piece(whole, address, until);
      address = until;
    }
  }
}

MappingNode*& list_in(DetachedMappings& detached) { return reinterpret_cast<MappingNode*&>(detached.first); }

}  // namespace

// ---- Readers ----

MappingTotals read_mapping_totals() {
  core::LockScope scope(lock);
  return totals;
}

uint64_t live_mapped_bytes() {
  core::LockScope scope(lock);
  return totals.all.live_bytes();
}

void for_each_mapping(MappingVisitor visit, void* context) {
  uintptr_t from = 0;
  uint64_t serial_before = 0;
  while (true) {
    Mapping mapping;
    {
      core::LockScope scope(lock);
      const MappingNode* node = node_at_or_above(tree, from);
      if (node == nullptr) return;
      mapping = node->mapping;
    }
    mapping.continues = mapping.serial == serial_before;
    visit(context, mapping);
    serial_before = mapping.serial;
    from = mapping.end();
  }
}

void for_each_mapped_file(MappedFileVisitor visit, void* context) {
  const MappedFile* file;
  MappedFile copy;
  auto next = [&](const MappedFile* found) {
    file = found;
    if (file != nullptr) copy = *file;
  };
  {
    core::LockScope scope(lock);
    next(first_file());
  }
  while (file != nullptr) {
    visit(context, copy);
    core::LockScope scope(lock);
    next(file_after(file));
  }
}

bool find_mapping(uintptr_t address, Mapping* result) {
  core::LockScope scope(lock);
  const MappingNode* node = node_at_or_below(tree, address);
  if (node == nullptr || node->mapping.end() <= address) return false;
  *result = node->mapping;
  return true;
}

// ---- Hooks ----

MappedFile* intern_mapped_file(const char* path, size_t length) {
  core::LockScope scope(lock);
  return intern_file(path, length);
}

DetachedMappings detach_mappings(uintptr_t address, size_t bytes) {
  core::LockScope scope(lock);
  return {take_out(address, bytes)};
}

DetachedMappings detach_attached_segment(uintptr_t address) {
  core::LockScope scope(lock);
  MappingNode* found = nullptr;
  MappingNode** link = &found;
  const MappingNode* node = node_at_or_above(tree, address);
  uint64_t serial = 0;
  while (node != nullptr) {
    const Mapping mapping = node->mapping;
    const bool of_segment = mapping.kind == MappingKind::sysv && mapping.address - mapping.offset == address &&
                            (serial == 0 || mapping.serial == serial);
    if (of_segment) {
      serial = mapping.serial;
      *link = take_out(mapping.address, mapping.bytes);
      link = &(*link)->right;
    }
    node = node_at_or_above(tree, mapping.end());
  }
  return {found};
}

bool first_detached(const DetachedMappings& detached, Mapping* result) {
  if (detached.first == nullptr) return false;
  *result = static_cast<const MappingNode*>(detached.first)->mapping;
  return true;
}

void forget_mappings(DetachedMappings& detached) {
  if (detached.first == nullptr) return;
  core::LockScope scope(lock);
  forget_list(list_in(detached));
  detached.first = nullptr;
}

void restore_mappings(DetachedMappings& detached, bool ask_kernel) {
  while (MappingNode* node = list_in(detached)) {
    list_in(detached) = node->right;
    const bool still_mapped = !ask_kernel || kernel_maps(node->mapping.address);
    core::LockScope scope(lock);
    if (still_mapped) {
      put_back(node->mapping);
    } else {
      count_unmapped(node->mapping);
    }
    release_node(node);
  }
}

void insert_mapping(const Mapping& mapping) {
  if (mapping.bytes == 0) return;
  core::LockScope scope(lock);
  forget_list(take_out(mapping.address, mapping.bytes));
  MappingNode* node = make_node(mapping);
  if (node == nullptr) {
    ++totals.untracked_count;
    return;
  }
  node->mapping.serial = ++last_serial;
  attach_node(node);
  count_mapped(mapping);
}

void protect_mappings(uintptr_t address, size_t bytes, int protection) {
  core::LockScope scope(lock);
  MappingNode* node = take_out(address, bytes);
  if (node == nullptr) return;
  while (node != nullptr) {
    MappingNode* next = node->right;
    Mapping& mapping = node->mapping;
    const uint64_t reserved_before = mapping.reserved() ? mapping.bytes : 0;
    mapping.protection = protection;
    const uint64_t reserved_now = mapping.reserved() ? mapping.bytes : 0;
    change_figures(mapping, [&](MappingFigures& figures) { figures.reserved_bytes += reserved_now - reserved_before; });
    attach_node(node);
    join_at(mapping.address);
    node = next;
  }
  join_at(address + bytes);
}

void count_failed_mapping() {
  core::LockScope scope(lock);
  ++totals.failed_count;
}

void count_untracked_mapping() {
  core::LockScope scope(lock);
  ++totals.untracked_count;
}

// Not under the lock: the thread may hold it where the signal interrupted it.
void count_nested_mapping() { __atomic_fetch_add(&totals.nested_count, 1, __ATOMIC_RELAXED); }

// ---- Residency: what mapping_residency.cpp needs of the table ----

uint64_t begin_residency() {
  core::LockScope scope(lock);
  for (MappingNode* node = node_at_or_above(tree, 0); node != nullptr;
       node = node_at_or_above(tree, node->mapping.end())) {
    node->mapping.resident_bytes = 0;
  }
  for (MappedFile* file = first_file(); file != nullptr; file = file_after(file)) file->resident_bytes = 0;
  totals.all.resident_bytes = 0;
  for (MappingFigures& figures : totals.kinds) figures.resident_bytes = 0;
  return last_serial;
}

bool next_interval(uintptr_t from, uintptr_t end, Mapping* result) {
  core::LockScope scope(lock);
  const MappingNode* node = node_at_or_below(tree, from);
  if (node == nullptr || node->mapping.end() <= from) node = node_at_or_above(tree, from);
  if (node == nullptr || node->mapping.address >= end) return false;
  *result = node->mapping;
  return true;
}

void drop_unmapped(uintptr_t address, uintptr_t end, uint64_t newest_serial) {
  core::LockScope scope(lock);
  MappingNode* node = take_out(address, end - address);
  while (node != nullptr) {
    MappingNode* next = node->right;
    if (node->mapping.serial <= newest_serial) {
      count_unmapped(node->mapping);
      release_node(node);
    } else {
      const uintptr_t start = node->mapping.address;
      const uintptr_t stop = node->mapping.end();
      attach_node(node);
      join_at(start);
      join_at(stop);
    }
    node = next;
  }
}

void add_resident(const Mapping& mapping, uint64_t bytes) {
  core::LockScope scope(lock);
  MappingNode* node = node_at_or_below(tree, mapping.address);
  if (node == nullptr || node->mapping.serial != mapping.serial) return;  // replaced meanwhile
  node->mapping.resident_bytes += bytes;
  if (node->mapping.file != nullptr) node->mapping.file->resident_bytes += bytes;
  change_figures(node->mapping, [&](MappingFigures& figures) { figures.resident_bytes += bytes; });
}

void set_residency_known(bool known) {
  core::LockScope scope(lock);
  totals.residency_known = known;
}

// ---- Life cycle ----

void mapping_table_clear() {
  core::LockScope scope(lock);
  tree = nullptr;
  free_nodes = nullptr;
  current_chunk = nullptr;  // the chunks are used again from the first, untouched until then
  used_in_chunk = 0;
  clear_file_counts();
  totals = {};
}

void mapping_table_reset_after_fork() {
  lock.reset_after_fork();
  mapping_table_clear();
}

}  // namespace weir::track

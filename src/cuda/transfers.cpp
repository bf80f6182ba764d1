#include "cuda/transfers.h"

#include "core/arena.h"
#include "core/spin_lock.h"
#include "cuda/allocation_table.h"

namespace weir::cuda {
namespace {

constexpr size_t kSlots = kMostTransfers * 2;
constexpr size_t kShared = 64;  // keys of the unknown stack that still find a place once the table is full

core::SpinLock lock;  // guards what follows
Transfers* slots;     // count 0: free
size_t used_count;

size_t first_place_of(const TransferKey& key) {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  const uint64_t word = (uint64_t{core::index_of(key.stack)} << 32) | (uint64_t{key.entry} << 16) |
                        (static_cast<uint64_t>(key.direction) << 8) | (static_cast<uint64_t>(key.host_memory) << 1) |
                        static_cast<uint64_t>(key.is_synchronous);
  return ((word * kMultiplier) >> 40) % kSlots;
}

// The key's slot, or the free one that it may take.
Transfers& slot_of(const TransferKey& key) {
  size_t place = first_place_of(key);
  while (slots[place].count != 0 && !(slots[place].key == key)) place = (place + 1) % kSlots;
  return slots[place];
}

}  // namespace

const char* direction_name(Direction direction) {
  constexpr const char* kNames[] = {"host_to_device", "device_to_host", "device_to_device",
                                    "peer",           "host_to_host",   "fill"};
  return kNames[static_cast<size_t>(direction)];
}

const char* host_memory_name(HostMemory memory) {
  constexpr const char* kNames[] = {"none", "pageable", "pinned", "registered", "managed"};
  return kNames[static_cast<size_t>(memory)];
}

void count_transfer(const TransferKey& asked, uint64_t bytes, uint64_t cycles) {
  const core::LockScope scope(lock);
  if (slots == nullptr) slots = core::arena_array<Transfers>(kSlots);
  if (slots == nullptr) return;
  TransferKey key = asked;
  if (used_count >= kMostTransfers - kShared && slot_of(key).count == 0) key.stack = core::StackId::unknown;
  Transfers& slot = slot_of(key);
  if (slot.count == 0) {
    if (used_count == kMostTransfers) return;
    ++used_count;
    slot.key = key;
  }
  ++slot.count;
  slot.bytes += bytes;
  slot.small_count += bytes <= kSmallTransferBytes;
  slot.cycles += cycles;
}

HostMemory host_memory_at(uint64_t address) {
  Allocation found;
  if (find_allocation(Space::address, address, &found)) {
    return found.kind == Kind::managed ? HostMemory::managed : HostMemory::pinned;
  }
  return find_allocation(Space::registration, address, &found) ? HostMemory::registered : HostMemory::pageable;
}

bool is_device_address(uint64_t address, HostMemory* memory) {
  Allocation found;
  *memory = HostMemory::none;
  if (find_allocation(Space::mapping, address, &found) || find_allocation(Space::variable, address, &found))
    return true;
  if (find_allocation(Space::address, address, &found) && found.kind != Kind::pinned) return true;
  *memory = host_memory_at(address);
  return false;
}

void for_each_transfer(TransferVisitor visit, void* context) {
  const core::LockScope scope(lock);
  if (slots == nullptr) return;
  for (size_t i = 0; i < kSlots; ++i) {
    if (slots[i].count != 0) visit(context, slots[i]);
  }
}

void transfers_reset_after_fork() {
  lock.reset_after_fork();
  slots = nullptr;
  used_count = 0;
}

}  // namespace weir::cuda

#include "leak/thread_table.h"

#include <cpuid.h>

#include <new>

#include "core/system_call.h"
#include "core/thread_slot.h"
#include "leak/futex.h"
#include "leak/task_status.h"

namespace weir::leak {
namespace {

constexpr size_t kAlignment = 64;  // of the XSAVE area

constexpr size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) & ~(kAlignment - 1); }

// The largest XSAVE area of this processor.
size_t extended_state_bytes() {
  constexpr unsigned kExtendedStateLeaf = 0xd;
  constexpr unsigned kLegacyBytes = 512;  // what FXSAVE writes
  unsigned enabled_bytes = 0, most_bytes = 0, unused = 0;
  if (__get_cpuid_count(kExtendedStateLeaf, 0, &unused, &enabled_bytes, &most_bytes, &unused) == 0) return kLegacyBytes;
  return rounded(most_bytes < kLegacyBytes ? kLegacyBytes : most_bytes);
}

size_t slots_for(size_t capacity) {
  size_t count = 64;
  while (count < capacity * 2) count *= 2;
  return count;
}

}  // namespace

ThreadTable* ThreadTable::create(Purpose purpose, size_t capacity) {
  const size_t slot_count = slots_for(capacity);
  const size_t slots_at = rounded(sizeof(ThreadTable));
  const size_t entries_at = rounded(slots_at + slot_count * sizeof(std::atomic<uint32_t>));
  const size_t listed_at = rounded(entries_at + capacity * sizeof(ThreadEntry));
  const size_t extended_at = rounded(listed_at + capacity * sizeof(uint32_t));
  const size_t extended_bytes = extended_state_bytes();
  const size_t bytes = extended_at + (purpose == Purpose::stop ? capacity * extended_bytes : 0);
  // Shared, so that a helper with memory of its own can write into it; zero, and without pages until they are used.
  const long mapped = core::system_call(SYS_mmap, 0, static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (core::failed(mapped)) return nullptr;
  auto* base = reinterpret_cast<char*>(mapped);
  auto* table = new (base) ThreadTable();
  table->mapped_bytes_ = bytes;
  table->purpose_ = purpose;
  table->capacity_ = capacity;
  table->slot_count_ = slot_count;
  table->slots_ = reinterpret_cast<std::atomic<uint32_t>*>(base + slots_at);
  table->entries_ = reinterpret_cast<ThreadEntry*>(base + entries_at);
  table->listed_ = reinterpret_cast<uint32_t*>(base + listed_at);
  table->extended_ = base + extended_at;
  table->extended_bytes_ = extended_bytes;
  table->locks_held_offset =
      static_cast<intptr_t>(reinterpret_cast<uintptr_t>(&core::thread_slot.locks_held) - own_thread_pointer());
  return table;
}

void ThreadTable::destroy(ThreadTable* table) { core::unmap(table, table->mapped_bytes_); }

ThreadEntry* ThreadTable::add(int tid, int task) {
  const size_t index = count_.load(std::memory_order_relaxed);
  if (index == capacity_) return nullptr;
  ThreadEntry& entry = entries_[index];
  entry.thread.tid = tid;
  entry.task = task;
  count_.store(index + 1, std::memory_order_release);
  size_t slot = slot_of(tid);
  while (slots_[slot].load(std::memory_order_relaxed) != 0) slot = (slot + 1) & (slot_count_ - 1);
  slots_[slot].store(static_cast<uint32_t>(index + 1), std::memory_order_release);
  return &entry;
}

ThreadEntry* ThreadTable::find(int tid) {
  for (size_t slot = slot_of(tid);; slot = (slot + 1) & (slot_count_ - 1)) {
    const uint32_t index = slots_[slot].load(std::memory_order_acquire);
    if (index == 0) return nullptr;
    if (entries_[index - 1].thread.tid == tid) return &entries_[index - 1];
  }
}

void ThreadTable::tell_stopper() {
  const uint32_t now = arrived.fetch_add(1, std::memory_order_seq_cst) + 1;
  if (now == awaited.load(std::memory_order_seq_cst)) wake_all(arrived);
}

bool is_busy(const ThreadTable& table, uintptr_t thread_pointer) {
  if (thread_pointer == 0 || !is_control_block(reinterpret_cast<const uintptr_t*>(thread_pointer), thread_pointer)) {
    return false;
  }
  static_assert(offsetof(core::ThreadSlot, moving_blocks) == offsetof(core::ThreadSlot, locks_held) + sizeof(uint32_t));
  const uintptr_t both = thread_pointer + static_cast<uintptr_t>(table.locks_held_offset);
  return __atomic_load_n(reinterpret_cast<const uint64_t*>(both), __ATOMIC_RELAXED) != 0;  // guard: moving-block
}

}  // namespace weir::leak

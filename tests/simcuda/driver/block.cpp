#include "block.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "pools.h"
#include "vmm.h"

namespace simcuda {
namespace {

constexpr size_t kPage = 4096;
size_t whole_pages(size_t bytes) { return (bytes + kPage - 1) & ~(kPage - 1); }

Block& add(const Block& block) { return blocks().emplace(block.address, block).first->second; }

// Or none of the driver's.
bool is_allocated(uintptr_t address, size_t bytes) {
  const Block* block = find_block(address);
  if (block != nullptr && block->kind == Kind::reserved) return is_mapped(address, bytes);
  if (device_holding(address) == nullptr) return true;
  return block != nullptr && address + bytes <= block->end() && block->has_memory;
}

// Registered memory stays where it is until it is unregistered: whoever gives its pages back before ends the process, for a device would
// have written to what is another's by now.
void require_pages(const Block& block) {
  const uintptr_t start = block.address & ~(kPage - 1);
  if (msync(reinterpret_cast<void*>(start), block.end() - start, MS_ASYNC) == 0) return;
  fprintf(stderr, "simcuda: memory was unmapped that is registered\n");
  abort();
}

bool is_on_device(const Block& block) { return block.device != nullptr && block.device->memory.holds(block.address); }

}  // namespace

std::string_view name_of(Kind kind) {
  constexpr std::string_view kNames[] = {"linear",   "pitched",  "managed", "pinned",   "registered", "async", "graph",
                                         "reserved", "imported", "shared",  "external", "global",     "array"};
  return kNames[static_cast<size_t>(kind)];
}

Call& describe(Call& call, const Block& block) {
  call.number("address", block.address).number("bytes", block.bytes).text("kind", name_of(block.kind));
  if (block.device != nullptr) call.number("device", static_cast<uint64_t>(block.device->ordinal));
  return call;
}

uint64_t Block::next_id() {
  static uint64_t last = 0;
  return ++last;
}

Blocks& blocks() {
  static auto* const all = new Blocks;
  return *all;
}

Block* find_block(uintptr_t address) {
  auto after = blocks().upper_bound(address);
  if (after == blocks().begin()) return nullptr;
  Block& block = std::prev(after)->second;
  return address < block.end() ? &block : nullptr;
}

Block* find_block_at(uintptr_t address) {
  const auto found = blocks().find(address);
  return found == blocks().end() ? nullptr : &found->second;
}

Block& allocate_on_device(Context& context, Kind kind, size_t bytes, AddressWidth width) {
  return allocate_on(context.device, context, kind, bytes, width);
}

Block& allocate_on(Device& device, Context& context, Kind kind, size_t bytes, AddressWidth width) {
  require_argument(bytes != 0);
  DeviceMemory& memory = device.memory;
  const uintptr_t address = width == AddressWidth::bits_32 ? memory.allocate_low(bytes) : memory.allocate(bytes);
  require(address != 0, CUDA_ERROR_OUT_OF_MEMORY);
  return add({address, bytes, kind, &context.owner(), &device});
}

Block& allocate_on_host(Context& context, Kind kind, size_t bytes, unsigned flags) {
  require_argument(bytes != 0);
  void* mapped =
      mmap(nullptr, whole_pages(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(mapped != MAP_FAILED, CUDA_ERROR_OUT_OF_MEMORY);
  Block block{reinterpret_cast<uintptr_t>(mapped), bytes, kind, &context.owner(), &context.device};
  block.flags = flags;
  return add(block);
}

Block& map_device_memory_of(int file, uint64_t offset, size_t bytes, Kind kind, Context& context, Device& device) {
  const uint64_t before = offset % kPage;
  void* mapped =
      mmap(nullptr, bytes + before, PROT_READ | PROT_WRITE, MAP_SHARED, file, static_cast<off_t>(offset - before));
  require(mapped != MAP_FAILED, CUDA_ERROR_MAP_FAILED);
  return add({reinterpret_cast<uintptr_t>(mapped) + before, bytes, kind, &context, &device});
}

void free_block(const Block& block) {
  const Block gone = block;
  blocks().erase(gone.address);
  if (gone.pool != nullptr) gone.pool->used_bytes -= gone.bytes;
  if (gone.kind == Kind::graph && gone.has_memory) gone.device->graph_bytes -= gone.bytes;
  if (gone.kind == Kind::registered) return require_pages(gone);
  if (!is_on_device(gone)) {
    const size_t before = gone.address % kPage;
    munmap(reinterpret_cast<void*>(gone.address - before), whole_pages(before + gone.bytes));
  } else {
    gone.device->memory.release(gone.address, gone.bytes);
  }
}

void free_blocks_of(Context& context) {
  for (auto next = blocks().begin(); next != blocks().end();) {
    const Block& block = (next++)->second;
    if (block.context != &context) continue;
    log_event("freed with its context", block.address, block.bytes);
    free_block(block);
  }
}

bool may_access(Context& context, uintptr_t address, size_t bytes) {
  const Lock lock(driver_mutex());
  if (bytes == 0 || is_allocated(address, bytes)) return true;
  log_event("illegal address", address, bytes);
  context.fail(CUDA_ERROR_ILLEGAL_ADDRESS);
  return false;
}

}  // namespace simcuda

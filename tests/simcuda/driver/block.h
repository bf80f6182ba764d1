// What the driver has given out: a range of addresses for each allocation, whatever its kind.
#pragma once

#include <map>
#include <string_view>

#include "context.h"

namespace simcuda {

enum class Kind : uint8_t {
  linear,
  pitched,
  managed,
  pinned,
  registered,  // the program's own memory
  async,
  graph,     // of a memory node: there while its graph ran and it was not freed
  reserved,  // addresses without memory
  imported,  // another process's, opened by IPC
  shared,    // of another process's pool
  external,  // a mapping of external memory
  global,    // a module's variable
  array,     // an array's, which the program has no address of
};
std::string_view name_of(Kind kind);
struct Block;
// Its address, bytes, kind and device, for the log.
Call& describe(Call& call, const Block& block);

struct Block {
  uintptr_t address;
  size_t bytes;
  Kind kind;
  Context* context;  // nullptr: of none (reserved addresses)
  Device* device;
  Pool* pool = nullptr;             // of stream-ordered memory
  unsigned flags = 0;               // as given by the program
  int sync_memops = 0;              // CU_POINTER_ATTRIBUTE_SYNC_MEMOPS
  bool is_freed_in_stream = false;  // a stream is yet to free it
  bool has_memory = true;           // a graph's: only while it is allocated
  bool is_left_by_graph = false;    // of a launch, by a graph that does not free it itself, and not freed yet
  bool outlives_graph = false;      // of a graph that is gone: it goes when it is freed
  const uint64_t id = next_id();    // CU_POINTER_ATTRIBUTE_BUFFER_ID

  uintptr_t end() const { return address + bytes; }
  static uint64_t next_id();
};

using Blocks = std::map<uintptr_t, Block>;
Blocks& blocks();

// The block that holds an address; nullptr: none.
Block* find_block(uintptr_t address);
// The block that begins there.
Block* find_block_at(uintptr_t address);

// The functions of CUDA 3.1 and before have 32 bits for an address.
enum class AddressWidth : uint8_t { bits_64, bits_32 };

// Device memory. Refuses where there is none left.
Block& allocate_on(Device& device, Context& context, Kind kind, size_t bytes,
                   AddressWidth width = AddressWidth::bits_64);
// Of the context's device.
Block& allocate_on_device(Context& context, Kind kind, size_t bytes, AddressWidth width = AddressWidth::bits_64);
// Host memory that devices can use.
Block& allocate_on_host(Context& context, Kind kind, size_t bytes, unsigned flags);

// Maps a part of a file in which another process has device memory. Refuses where that cannot be.
Block& map_device_memory_of(int file, uint64_t offset, size_t bytes, Kind kind, Context& context, Device& device);

// Takes it out and gives its memory back.
void free_block(const Block& block);
void free_blocks_of(Context& context);

// In a stream: false, and an error that stays with the context, where part of a range that the driver gave out is not allocated.
bool may_access(Context& context, uintptr_t address, size_t bytes);

}  // namespace simcuda

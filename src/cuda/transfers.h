// Copies and fills, by stack and direction.
#pragma once

#include "cuda/allocation.h"

namespace weir::cuda {

enum class Direction : uint8_t { host_to_device, device_to_host, device_to_device, peer, host_to_host, fill };
const char* direction_name(Direction direction);

// What the host's end of a copy is.
enum class HostMemory : uint8_t { none, pageable, pinned, registered, managed };
const char* host_memory_name(HostMemory memory);

struct TransferKey {
  core::StackId stack;
  uint16_t entry;
  Direction direction;
  HostMemory host_memory;
  bool is_synchronous;

  bool operator==(const TransferKey&) const = default;
};

struct Transfers {
  TransferKey key;
  uint64_t count;
  uint64_t bytes;
  uint64_t small_count;  // of kSmallTransferBytes and less
  uint64_t cycles;       // spent in the calls of synchronous ones
};
inline constexpr uint64_t kSmallTransferBytes = uint64_t{64} << 10;

void count_transfer(const TransferKey& key, uint64_t bytes, uint64_t cycles);

// The end of a copy at a host address.
HostMemory host_memory_at(uint64_t address);
// Of an address of unified addressing: whether it is device memory; if not, *memory tells what it is.
bool is_device_address(uint64_t address, HostMemory* memory);

inline constexpr size_t kMostTransfers = 8192;  // distinct keys; what is beyond is counted under the unknown stack
using TransferVisitor = void (*)(void* context, const Transfers& transfers);
void for_each_transfer(TransferVisitor visit, void* context);

void transfers_reset_after_fork();

}  // namespace weir::cuda

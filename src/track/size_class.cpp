#include "track/size_class.h"

#include <atomic>

namespace weir::track {
namespace {
std::atomic<uint32_t> class_bytes[kSizeClasses];
}

uint8_t size_class_index(size_t block_bytes) {
  if (block_bytes > kLargestClassBytes) return kNoSizeClass;
  const auto wanted = static_cast<uint32_t>(block_bytes);
  for (uint8_t index = 0; index < kSizeClasses; ++index) {
    uint32_t present = class_bytes[index].load(std::memory_order_relaxed);
    if (present == 0 && class_bytes[index].compare_exchange_strong(present, wanted)) return index;
    if (present == wanted) return index;
  }
  return kNoSizeClass;
}

BlockClass block_class(size_t block_bytes) {
  const uint8_t index = size_class_index(block_bytes);
  if (index == kNoSizeClass) return {};
  const size_t power = power_of_two_index(block_bytes);
  const uint32_t least = power == kSmallestPower ? 0 : (uint32_t{1} << (power - 1)) + 1;
  const auto offset = static_cast<uint16_t>(index * kFiguresBytes);
  return {index, offset, least, static_cast<uint32_t>(block_bytes) - least + 1};
}

size_t size_class_bytes(uint8_t index) {
  return index < kSizeClasses ? class_bytes[index].load(std::memory_order_relaxed) : 0;
}

}  // namespace weir::track

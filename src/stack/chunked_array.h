// An array that grows by chunks which never move: an element's address stays good, so readers need no lock. Chunk n
// holds kFirstChunk << n elements; a small process touches one small chunk.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/arena.h"

namespace weir::stack {

template <class T, uint32_t kFirstChunk>
class ChunkedArray {
  static_assert((kFirstChunk & (kFirstChunk - 1)) == 0);

 public:
  // The element's chunk must have been reserved.
  T& operator[](uint32_t index) const {
    const Place place = place_of(index);
    return chunks_[place.chunk].load(std::memory_order_acquire)[place.offset];
  }

  // Makes room for `index`; false where there is no memory. Writers only, under their lock.
  bool reserve(uint32_t index) {
    const Place place = place_of(index);
    if (chunks_[place.chunk].load(std::memory_order_relaxed) != nullptr) return true;
    const size_t count = size_t{kFirstChunk} << place.chunk;
    T* chunk = core::arena_array<T>(count);
    if (chunk == nullptr) return false;
    chunks_[place.chunk].store(chunk, std::memory_order_release);
    bytes_.store(bytes_.load(std::memory_order_relaxed) + count * sizeof(T), std::memory_order_relaxed);
    return true;
  }

  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr int kFirstLog = __builtin_ctz(kFirstChunk);
  static constexpr int kChunks = 33 - kFirstLog;
  struct Place {
    uint32_t chunk;
    uint64_t offset;
  };
  static Place place_of(uint32_t index) {
    const uint64_t shifted = uint64_t{index} + kFirstChunk;
    const auto log = static_cast<uint32_t>(63 - __builtin_clzll(shifted));
    return {log - kFirstLog, shifted - (uint64_t{1} << log)};
  }

  std::atomic<T*> chunks_[kChunks]{};
  std::atomic<size_t> bytes_{0};
};

// The same in chunks of one size: at most one more than is in use. kMost: elements.
template <class T, uint32_t kPerChunk, uint32_t kMost>
class EvenlyChunkedArray {
  static_assert((kPerChunk & (kPerChunk - 1)) == 0 && kMost % kPerChunk == 0);

 public:
  // The element's chunk must have been reserved.
  T& operator[](uint32_t index) const {
    return chunks_[index / kPerChunk].load(std::memory_order_acquire)[index % kPerChunk];
  }

  // Whether the element's chunk was reserved.
  bool has(uint32_t index) const {
    return index < kMost && chunks_[index / kPerChunk].load(std::memory_order_acquire) != nullptr;
  }

  // Makes room for `index`; false where there is no memory, or from kMost on. Writers only, under their lock.
  bool reserve(uint32_t index) {
    if (index >= kMost) return false;
    std::atomic<T*>& chunk = chunks_[index / kPerChunk];
    if (chunk.load(std::memory_order_relaxed) != nullptr) return true;
    T* made = core::arena_array<T>(kPerChunk);
    if (made == nullptr) return false;
    chunk.store(made, std::memory_order_release);
    bytes_.store(bytes_.load(std::memory_order_relaxed) + kPerChunk * sizeof(T), std::memory_order_relaxed);
    return true;
  }

  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<T*> chunks_[kMost / kPerChunk]{};
  std::atomic<size_t> bytes_{0};
};

}  // namespace weir::stack

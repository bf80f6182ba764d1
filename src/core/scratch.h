// Working memory of a report: one mapping per array, grown in place where the kernel can, given back at the end of its
// scope. Pages that are never touched cost nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/own_memory.h"

namespace weir::core {

// A zero-filled array of plain values that grows. Not for several threads. References die when it grows.
template <class T>
class ScratchArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  ScratchArray() = default;
  ~ScratchArray() { release(); }
  ScratchArray(const ScratchArray&) = delete;
  ScratchArray& operator=(const ScratchArray&) = delete;

  // Makes `count` elements valid; new ones are zero. False, and nothing changed, where the kernel gives no memory.
  bool resize(size_t count) {
    if (count > capacity_ && !grow(count)) return false;
    size_ = count;
    return true;
  }
  // Room for `count` elements in all, so that no more of them moves the array. False where the kernel gives no memory.
  bool reserve(size_t count) { return count <= capacity_ || grow(count); }
  bool push(const T& value) {
    if (size_ == capacity_ && !grow(size_ + 1)) return false;
    data_[size_++] = value;
    return true;
  }

  // Empty, and without memory.
  void release() {
    if (data_ != nullptr) unmap_own(data_, capacity_ * sizeof(T));
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

  size_t size() const { return size_; }
  T& operator[](size_t index) { return data_[index]; }
  const T& operator[](size_t index) const { return data_[index]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  static constexpr size_t kSmallestBytes = 4096;

  bool grow(size_t count) {
    size_t bytes = capacity_ == 0 ? kSmallestBytes : capacity_ * sizeof(T) * 2;
    while (bytes < count * sizeof(T)) bytes *= 2;
    void* grown = data_ == nullptr ? map_own(bytes) : remap_own(data_, capacity_ * sizeof(T), bytes);
    if (grown == nullptr) return false;
    data_ = static_cast<T*>(grown);
    capacity_ = bytes / sizeof(T);
    return true;
  }
  T* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace weir::core

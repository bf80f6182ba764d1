#include "stack/python/frame_chain.h"

namespace weir::stack::python {

ChainWords read_words(const Layout& layout, uintptr_t thread_state, uint64_t* words, uint32_t capacity) {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  ChainWords read{0, false, 0};
  visit_chain(layout, thread_state, [&](uintptr_t, uint64_t word) {
    if (read.count == capacity) {
      read.is_cut = true;
      return false;
    }
    words[read.count++] = word;
    read.hash = (read.hash ^ word) * kMultiplier;
    return true;
  });
  read.hash ^= read.hash >> 32;
  return read;
}

}  // namespace weir::stack::python

// The Python frames that a thread is in, as CPython links them. Inside src/stack only.
//
// What is followed is sound by construction: the thread's own state, while the thread is inside a call of the interpreter, and frames that it
// linked itself and unlinks before it frees them. Each frame holds its code object.
#pragma once

#include <cstdint>

#include "stack/python/interpreter.h"
#include "stack/python/memory.h"

namespace weir::stack::python {

// A frame in a word: its instruction's address, and what else tells one from another. As long as no code object was freed equal words mean
// equal function and line. Of a frame that only marks where a call of the interpreter began: kEntry alone.
inline constexpr uint64_t kEntry = uint64_t{1} << 63;        // a call of the interpreter began with it
inline constexpr uint64_t kOfGenerator = uint64_t{1} << 62;  // whose frame counts from its first instruction on
inline constexpr uint64_t kInstructionMask = kOfGenerator - 1;

// Calls visit(frame, word) from the innermost frame outwards while it returns true.
template <class Visit>
void visit_chain(const Layout& layout, uintptr_t thread_state, const Visit& visit) {
  uintptr_t frame = read_at<uintptr_t>(thread_state, layout.thread_frame);
  if (layout.has_cframes) {
    if (!may_be_object(frame)) return;
    frame = read_at<uintptr_t>(frame, layout.cframe_frame);
  }
  while (may_be_object(frame)) {
    const auto owner = read_at<uint8_t>(frame, layout.frame_owner);
    uint64_t word = kEntry;
    if (owner < kFirstMarkingOwner) [[likely]] {
      word = read_at<uintptr_t>(frame, layout.frame_instruction) & kInstructionMask;
      if (owner == kOwnedByGenerator) word |= kOfGenerator;
      if (layout.frame_is_entry != 0 && read_at<bool>(frame, layout.frame_is_entry)) word |= kEntry;
    }
    const uintptr_t previous = read_at<uintptr_t>(frame, layout.frame_previous);
    if (!visit(frame, word)) return;
    frame = previous;
  }
}

// What tells one such stack from another.
struct ChainWords {
  uint32_t count;
  bool is_cut;  // there are more frames than the `capacity` of the words
  uint64_t hash;
};
ChainWords read_words(const Layout&, uintptr_t thread_state, uint64_t* words, uint32_t capacity);

// The code object of a frame that marks nothing.
inline uintptr_t code_of_frame(const Layout& layout, uintptr_t frame) {
  constexpr uintptr_t kTags = 3;  // of a reference on the interpreter's stack, from 3.14 on
  return read_at<uintptr_t>(frame, layout.frame_code) & ~kTags;
}

}  // namespace weir::stack::python

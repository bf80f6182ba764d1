// Where stacks do not repeat, remembering one to splice on it costs more than it saves: a thread then only walks, by a loop
// over the commonest rules that keeps nothing but the frames' keys, and looks the whole stack up by a hash of them. All keys
// are compared, so that two stacks are never taken for each other. Inside src/stack only.
#pragma once

#include <cstdint>

#include "core/arena.h"
#include "stack/stack_nodes.h"
#include "stack/verified_leaf.h"

namespace weir::stack {

struct ThreadStack;

class PlainStacks {
 public:
  void release();

  // The leaf's node of `caller`'s stack where it was seen before, else none. Cost: about 35 instructions a frame.
  NodeId find(ThreadStack&, const Registers& caller);

  // Keeps what find() has just walked under `leaf`, its node by the general walk of `count` frames.
  void keep(NodeId leaf, uint32_t count);

 private:
  // Of one stack: where its keys are.
  struct Entry {
    uint64_t hash;
    NodeId leaf;  // none: free
    uint32_t first;
    uint32_t count;
  };
  static constexpr uint32_t kFirstLog = 6,
                            kLargestLog = 13;  // entries; 16 keys for each: 10 KiB to 1.2 MiB, made at first use
  static constexpr uint32_t kKeysPerEntry = 16;

  uint32_t key_capacity() const { return kKeysPerEntry << log_; }
  bool resize(uint32_t log);

  Entry* entries_ = nullptr;
  FrameKey* keys_ = nullptr;
  uint32_t log_ = 0;
  uint32_t keys_used_ = 0;
  uint32_t walked_ = 0;  // keys of the capture in progress, at keys_ + keys_used_; 0: not to be kept
  uint64_t hash_ = 0;    // of them
};

}  // namespace weir::stack

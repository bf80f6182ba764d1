// What a thread keeps of its walks over Python frames: memory to work in, the places of frames it has met, and its latest combined
// stacks. Inside src/stack only.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/ids.h"
#include "stack/cache_growth.h"
#include "stack/stack_nodes.h"

namespace weir::stack::python {

// Combined stacks by native stack and words of the Python frames, compared in full.
class RecentWalks {
 public:
  bool create() { return resize(kFirstLog); }
  void release();

  // unknown where it is not there, or is of another generation. Cost: about 20 instructions, and half of one a word.
  core::StackId find(core::StackId native, uint32_t generation, uint64_t hash, const uint64_t* words,
                     uint32_t count) const;
  // `clock`: captures so far.
  void keep(core::StackId native, uint32_t generation, uint64_t hash, const uint64_t* words, uint32_t count,
            core::StackId combined, uint64_t clock);

 private:
  struct Walk {
    uint64_t hash;
    uint64_t* words;
    core::StackId native, combined;
    uint32_t generation;
    uint32_t count, capacity;
  };
  static constexpr uint32_t kFirstLog = 6, kLargestLog = 11;
  static constexpr uint32_t kMostWords = 1U << 18;  // of all walks: 2 MiB

  Walk& walk_of(core::StackId native, uint64_t hash) const {
    const uint64_t mixed = (hash + core::index_of(native)) * 0x9e3779b97f4a7c15;
    return walks_[mixed >> (64 - log_)];
  }
  bool resize(uint32_t log);
  bool widen(Walk* walk, uint32_t capacity);

  Walk* walks_ = nullptr;
  uint32_t log_ = 0;
  uint32_t word_count_ = 0;  // that there is room for
  core::StackId highest_ = core::StackId::unknown;
  CacheGrowth growth_;
};

// Keys of frames by their words.
class KnownPlaces {
 public:
  bool create();
  void release();
  // False where it is not known.
  bool find(uint64_t word, uint32_t generation, FrameKey* key) const {
    const Entry& entry = entries_[index_of(word)];
    *key = entry.key;
    return entry.word == word && entry.generation == generation;
  }
  void keep(uint64_t word, uint32_t generation, FrameKey key) { entries_[index_of(word)] = {word, key, generation}; }

 private:
  struct Entry {
    uint64_t word;
    FrameKey key;
    uint32_t generation;
  };
  static constexpr uint32_t kLog = 9;
  static size_t index_of(uint64_t word) { return (word * 0x9e3779b97f4a7c15) >> (64 - kLog); }
  Entry* entries_ = nullptr;
};

// One call of the interpreter: the Python frames that it runs, of all that were read, and where its native frame keeps something.
struct Run {
  uint32_t first, count;
  uintptr_t anchor;  // 0: not known
};

// A frame of a combined stack, and the node of the tree that it and those outside it are.
struct CombinedFrame {
  FrameKey key;
  NodeId node;
};

struct ThreadWalks {
  uint32_t capacity;  // of each of these, in elements
  uint64_t* words;    // of the Python frames, innermost first
  FrameKey* places;   // of those that count, innermost first
  Run* runs;          // innermost first
  FrameKey* native;   // the native stack, innermost first
  uint32_t* run_of;   // for each native frame its run's number + 1; 0: none
  char* text;
  CombinedFrame* combined;  // of the stack that was combined last, outermost first; twice `capacity`
  uint32_t combined_count;
  NodeId combined_root;
  RecentWalks recent;
  KnownPlaces known;
  std::atomic<uint64_t> captures, repeated, unmatched;  // as PythonFigures
};

// nullptr where there is no memory.
ThreadWalks* create_walks(uint32_t capacity);
void release_walks(ThreadWalks*);

}  // namespace weir::stack::python

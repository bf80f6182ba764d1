// The largest of many single blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "cli/report_file.h"

namespace weir::cli {

// Which blocks are asked for.
struct BlockChoice {
  uint64_t least_bytes = 0;  // 0: those that the report lists in large[]; else the samples of its leaks too
  size_t most = SIZE_MAX;    // so many of them are told, the largest
};

// Of one report. A block is one whatever lists name it: by its process, its memory and its address. Costs 8 bytes for each.
class LargeBlocks {
 public:
  explicit LargeBlocks(const BlockChoice& choice) : choice_(choice) {}

  void add_large(const Json& block);
  // Those of a leak that has samples.
  void add_samples(const Json& leak);

  // Once all are added: how many there are, and the largest of them, as large[] has them.
  size_t count();
  Json take();

 private:
  struct Candidate {
    uint64_t bytes, key;
    size_t order;  // samples come behind what large[] has
    Json row;
  };
  bool wants(const Json& block, const Json& owner, uint64_t& key);
  void add(const Json& row, uint64_t key, size_t order);
  void keep_most();

  const BlockChoice choice_;
  std::deque<uint64_t> keys_;
  std::vector<Candidate> candidates_;
  size_t added_ = 0;
};

}  // namespace weir::cli

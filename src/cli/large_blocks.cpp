#include "cli/large_blocks.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <string>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "cli/json_access.h"

namespace weir::cli {
namespace {

constexpr size_t kFirstSample = SIZE_MAX / 2;
constexpr size_t kFewest = 1024;  // are kept until it is worth the while to leave some out

}  // namespace

// A handle may equal an address, and an address be another block's in another process of a merged report: what tells blocks apart is all
// three. 64 bits of a hash, as stacks have (stack_key.h).
bool LargeBlocks::wants(const Json& block, const Json& owner, uint64_t& key) {
  if (figure(block, "bytes") < choice_.least_bytes) return false;
  const std::string process = number_text(block, "process");  // guard: show-blocks-of-processes
  key = std::hash<std::string>()(process + text_of(owner, "memory") + text_of(block, "address"));
  keys_.push_back(key);
  return true;
}

void LargeBlocks::add_large(const Json& block) {
  uint64_t key = 0;
  if (wants(block, block, key)) add(block, key, added_);
}

void LargeBlocks::add_samples(const Json& leak) {
  uint64_t key = 0;
  for (const Json& sample : array_of(leak, "samples")) {
    if (!wants(sample, leak, key)) continue;
    Json row = sample;
    for (const char* name : {"memory", "device", "stack"}) {
      if (leak.contains(name)) row[name] = leak[name];
    }
    add(row, key, kFirstSample + added_);
  }
}

void LargeBlocks::add(const Json& row, uint64_t key, size_t order) {
  ++added_;
  candidates_.push_back({figure(row, "bytes"), key, order, row});
  if (candidates_.size() >= kFewest && candidates_.size() / 2 >= choice_.most) keep_most();
}

void LargeBlocks::keep_most() {
  std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(b.bytes, a.order) < std::tuple(a.bytes, b.order);
  });
  std::unordered_set<uint64_t> seen;
  std::erase_if(candidates_, [&](const Candidate& one) { return !seen.insert(one.key).second; });
  if (candidates_.size() > choice_.most)
    candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(choice_.most), candidates_.end());
}

size_t LargeBlocks::count() {
  std::sort(keys_.begin(), keys_.end());
  keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());  // guard: show-blocks
  return keys_.size();
}

Json LargeBlocks::take() {
  keep_most();
  Json rows = Json::array();
  for (Candidate& candidate : candidates_) rows.push_back(std::move(candidate.row));
  candidates_.clear();
  return rows;
}

}  // namespace weir::cli

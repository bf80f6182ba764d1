#include "cuda/pool/block_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <random>
#include <vector>

namespace weir::cuda::pool {
namespace {

using State = Block::State;
using Key = std::tuple<uint64_t, uint64_t, uint64_t>;

Key tuple_of(const BinKey& key) { return {key.owner, key.bytes, key.shape}; }

// What the cache must be, in the plainest form: ordered lists of addresses.
struct Model {
  struct Entry {
    BinKey key;
    uint64_t asked_bytes;
    State state;
    uint64_t freed_number = 0;
    uint64_t tick = 0;
  };
  struct Lists {
    int device;
    std::vector<uint64_t> waiting, ready;
  };

  std::map<uint64_t, Entry> blocks;
  std::map<Key, Lists> bins;
  std::map<int, std::vector<uint64_t>> idle;  // by device, the longest idle first

  static int device_of(const BinKey& key) { return static_cast<int>(key.owner % 3); }
  Lists& lists_of(const BinKey& key) {
    return bins.try_emplace(tuple_of(key), Lists{device_of(key), {}, {}}).first->second;
  }

  void add(const BinKey& key, uint64_t address, uint64_t asked_bytes) {
    lists_of(key);
    blocks[address] = {key, asked_bytes, State::live};
  }
  void keep(uint64_t address, uint64_t freed_number, uint64_t tick) {
    Entry& entry = blocks.at(address);
    entry.state = State::idle;
    entry.freed_number = freed_number;
    entry.tick = tick;
    Lists& lists = lists_of(entry.key);
    (freed_number != 0 ? lists.waiting : lists.ready).push_back(address);
    idle[device_of(entry.key)].push_back(address);
  }
  void leave_idle(uint64_t address, State state) {
    Entry& entry = blocks.at(address);
    Lists& lists = lists_of(entry.key);
    std::erase(lists.waiting, address);
    std::erase(lists.ready, address);
    std::erase(idle[device_of(entry.key)], address);
    entry.state = state;
  }
  // The address; 0: none.
  uint64_t take_ready(const BinKey& key, uint64_t done_number) {
    Lists& lists = lists_of(key);
    while (!lists.waiting.empty() && blocks.at(lists.waiting.front()).freed_number <= done_number) {
      blocks.at(lists.waiting.front()).freed_number = 0;
      lists.ready.push_back(lists.waiting.front());
      lists.waiting.erase(lists.waiting.begin());
    }
    if (lists.ready.empty()) return 0;
    const uint64_t address = lists.ready.back();
    leave_idle(address, State::live);
    return address;
  }
  void remove(uint64_t address) {
    if (blocks.at(address).state == State::idle) leave_idle(address, State::live);
    blocks.erase(address);
  }
  uint64_t idle_bytes(int device) {
    uint64_t sum = 0;
    for (const uint64_t address : idle[device]) sum += blocks.at(address).key.bytes;
    return sum;
  }
};

template <Block* Block::*kNext, Block* Block::*kPrevious>
std::vector<uint64_t> addresses(const BlockList& list) {
  std::vector<uint64_t> found;
  const Block* before = nullptr;
  for (const Block* block = list.first; block != nullptr; block = block->*kNext) {
    EXPECT_EQ(block->*kPrevious, before);
    found.push_back(block->address);
    before = block;
  }
  EXPECT_EQ(list.last, before);
  return found;
}

std::vector<uint64_t> in_bin(const BlockList& list) {
  return addresses<&Block::next_in_bin, &Block::previous_in_bin>(list);
}

class BlockCacheTest : public testing::Test {
 protected:
  Bin& bin_of(const BinKey& key) {
    Bin* bin = cache_.bin_of(key, Model::device_of(key));
    EXPECT_NE(bin, nullptr);
    return *bin;
  }
  Block& add(const BinKey& key, uint64_t address) {
    Block* block = cache_.add(bin_of(key), address, key.bytes);
    EXPECT_NE(block, nullptr);
    return *block;
  }
  void keep(Block& block, uint64_t freed_number, uint64_t tick = 0) {
    block.state = State::closing;
    cache_.keep(block, freed_number, tick);
  }

  BlockCache cache_;
};

TEST_F(BlockCacheTest, ABlockServesItsOwnBinOnly) {
  const BinKey key{3, 1024, 0};
  keep(add(key, 0x1000), 0);
  for (const BinKey& other : {BinKey{6, 1024, 0}, BinKey{3, 512, 0}, BinKey{3, 1024, 1}}) {
    EXPECT_EQ(cache_.take_ready(bin_of(other), UINT64_MAX), nullptr);
  }
  const Block* block = cache_.take_ready(bin_of(key), 0);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(block->address, 0x1000u);
  EXPECT_EQ(block->state, State::live);
  EXPECT_EQ(cache_.take_ready(bin_of(key), UINT64_MAX), nullptr) << "handed out twice";
}

TEST_F(BlockCacheTest, WhatIsInQuarantineIsNotHandedOut) {
  const BinKey key{3, 1024, 0};
  keep(add(key, 0x1000), 7);
  keep(add(key, 0x2000), 8);
  Bin& bin = bin_of(key);
  EXPECT_EQ(BlockCache::first_waiting(bin), 7u);
  EXPECT_EQ(cache_.take_ready(bin, 6), nullptr);
  EXPECT_EQ(bin.waiting_count, 2u);
  const Block* block = cache_.take_ready(bin, 7);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(block->address, 0x1000u);
  EXPECT_EQ(cache_.take_ready(bin, 7), nullptr);
  EXPECT_EQ(BlockCache::first_waiting(bin), 8u);
  EXPECT_EQ(bin.waiting_count, 1u);
}

TEST_F(BlockCacheTest, AmongReadyBlocksTheLatestFreedComesFirst) {
  const BinKey key{3, 1024, 0};
  for (uint64_t address : {0x1000, 0x2000, 0x3000}) keep(add(key, address), 0);
  for (uint64_t address : {0x3000, 0x2000, 0x1000}) EXPECT_EQ(cache_.take_ready(bin_of(key), 0)->address, address);
}

TEST_F(BlockCacheTest, TheLongestIdleOfADeviceGoesFirst) {
  keep(add({3, 1024, 0}, 0x1000), 0);
  keep(add({6, 512, 0}, 0x2000), 5);
  keep(add({4, 512, 0}, 0x3000), 0);
  EXPECT_EQ(cache_.longest_idle(0)->address, 0x1000u);
  EXPECT_EQ(cache_.idle_bytes(0), 1536u);
  EXPECT_EQ(cache_.longest_idle(1)->address, 0x3000u);
  EXPECT_EQ(cache_.longest_idle(2), nullptr);
  cache_.begin_return(*cache_.longest_idle(0));
  EXPECT_EQ(cache_.longest_idle(0)->address, 0x2000u);
  EXPECT_EQ(cache_.idle_bytes(0), 512u);
}

TEST_F(BlockCacheTest, ABlockThatTheDriverRefusesIsIdleAsBeforeAndLast) {
  Block& refused = add({3, 1024, 0}, 0x1000);
  keep(refused, 9);
  keep(add({3, 1024, 0}, 0x2000), 0);
  cache_.begin_return(refused);
  EXPECT_EQ(refused.state, State::returning);
  EXPECT_EQ(cache_.take_ready(bin_of({3, 1024, 0}), UINT64_MAX)->address, 0x2000u);
  EXPECT_EQ(cache_.take_ready(bin_of({3, 1024, 0}), UINT64_MAX), nullptr) << "handed out on its way to the driver";
  cache_.keep(refused, refused.freed_number, 1);
  EXPECT_EQ(BlockCache::first_waiting(*refused.bin), 9u);
  EXPECT_EQ(cache_.longest_idle(0), &refused);
}

TEST_F(BlockCacheTest, DevicesBeyondTheListedOnesShareAPlace) {
  for (const int device : {-1, kMostDevices, kMostDevices + 5}) {
    Bin* bin = cache_.bin_of({static_cast<uint64_t>(device + 100), 512, 0}, device);
    keep(*cache_.add(*bin, static_cast<uint64_t>(device + 100) << 12, 512), 0);
  }
  EXPECT_EQ(cache_.idle_bytes(kMostDevices + 1), 3 * 512u);
  EXPECT_EQ(cache_.idle_bytes(kMostDevices - 1), 3 * 512u);
  EXPECT_EQ(cache_.idle_bytes(0), 0u);
}

// Random operations, each made on the cache and on the model.
class Pair {
 public:
  explicit Pair(unsigned seed) : random_(seed) {}

  void step() {
    ++tick_;
    const uint64_t choice = below(100);
    if (choice < 32) return add();
    if (choice < 62) return free_one();
    if (choice < 84) return take();
    if (choice < 90) return give_back();
    if (choice < 95) return find();
    if (choice < 98) return put_back();
    if (below(300) == 0) forget_owner();
  }

  void check() {
    ASSERT_EQ(cache_.is_empty(), model_.blocks.empty());
    for (const auto& [address, entry] : model_.blocks) check_block(address, entry);
    for (int device = 0; device < 3; ++device) check_device(device);
    check_bins();
  }

  void forget_all() {
    cache_.forget_all();
    model_.blocks.clear();
    model_.idle.clear();
    model_.bins.clear();
  }

  size_t most_blocks = 0;
  uint64_t hits = 0, misses = 0, refused = 0, forgotten = 0;
  size_t bin_count() const { return model_.bins.size(); }

 private:
  uint64_t below(uint64_t most) { return random_() % most; }

  uint64_t next_number() {
    ++last_number_;
    return last_number_ - below(std::min<uint64_t>(last_number_, 3));
  }

  // Few keys are asked for often, a great many now and then.
  BinKey random_key() {
    const bool is_rare = below(50) == 0;
    return {1 + below(6), 512 * (1 + (is_rare ? below(2000) : below(8))), below(2)};
  }
  Bin& bin_of(const BinKey& key) { return *cache_.bin_of(key, Model::device_of(key)); }

  void add() {
    if (model_.blocks.size() > 6000) return;
    const BinKey key = random_key();
    const uint64_t address = next_address_ += 512 * (1 + below(4096));
    ASSERT_NE(cache_.add(bin_of(key), address, key.bytes - below(512)), nullptr);
    model_.add(key, address, cache_.find(address)->asked_bytes);
    live_.push_back(address);
    most_blocks = std::max(most_blocks, model_.blocks.size());
  }

  uint64_t take_one(std::vector<uint64_t>& from) {
    std::swap(from[below(from.size())], from.back());
    const uint64_t address = from.back();
    from.pop_back();
    return address;
  }

  // The number was drawn before the block became idle, so that numbers may come out of turn; 0: nothing to wait for.
  void free_one() {
    if (live_.empty()) return;
    const uint64_t address = take_one(live_);
    const uint64_t number = below(4) == 0 ? 0 : next_number();
    Block* block = cache_.find(address);
    ASSERT_NE(block, nullptr);
    block->state = State::closing;
    cache_.keep(*block, number, tick_);
    model_.keep(address, number, tick_);
  }

  void take() {
    done_number_ = std::max(done_number_, last_number_ - below(std::min<uint64_t>(last_number_ + 1, 200)));
    const BinKey key = random_key();
    const uint64_t wanted = model_.take_ready(key, done_number_);
    const Block* block = cache_.take_ready(bin_of(key), done_number_);
    ASSERT_EQ(block == nullptr ? 0 : block->address, wanted);
    ++(wanted == 0 ? misses : hits);
    if (wanted != 0) live_.push_back(wanted);
  }

  void give_back() {
    const int device = static_cast<int>(below(3));
    Block* block = cache_.longest_idle(device);
    ASSERT_EQ(block == nullptr, model_.idle[device].empty());
    if (block == nullptr) return;
    const uint64_t address = block->address, number = block->freed_number;
    ASSERT_EQ(address, model_.idle[device].front());
    cache_.begin_return(*block);
    model_.leave_idle(address, State::returning);
    if (below(5) == 0) {
      ++refused;
      cache_.keep(*block, number, tick_);
      model_.keep(address, number, tick_);
    } else {
      cache_.remove(*block);
      model_.remove(address);
    }
  }

  void find() {
    if (live_.empty()) return;
    const uint64_t address = live_[below(live_.size())];
    ASSERT_EQ(cache_.find(address)->address, address);
    ASSERT_EQ(cache_.find(address + 1), nullptr);
  }

  // A live block is given up for a call of the driver's, and taken back where it refuses.
  void put_back() {
    if (live_.empty()) return;
    const uint64_t address = live_[below(live_.size())];
    const Model::Entry entry = model_.blocks.at(address);
    cache_.remove(*cache_.find(address));
    ASSERT_EQ(cache_.find(address), nullptr);
    ASSERT_NE(cache_.add(bin_of(entry.key), address, entry.asked_bytes), nullptr);
  }

  void forget_owner() {
    const uint64_t owner = 1 + below(6);
    std::vector<uint64_t> seen, wanted;
    cache_.forget_owner(
        owner,
        [](void* list, const Block& block) { static_cast<std::vector<uint64_t>*>(list)->push_back(block.address); },
        &seen);
    for (const auto& [address, entry] : model_.blocks) {
      if (entry.key.owner == owner) wanted.push_back(address);
    }
    for (const uint64_t address : wanted) model_.remove(address);
    std::erase_if(live_, [&](uint64_t address) { return !model_.blocks.contains(address); });
    std::sort(seen.begin(), seen.end());
    ASSERT_EQ(seen, wanted);
    forgotten += wanted.size();
  }

  void check_block(uint64_t address, const Model::Entry& entry) {
    const Block* block = cache_.find(address);
    ASSERT_NE(block, nullptr) << address;
    ASSERT_EQ(block->state, entry.state);
    ASSERT_EQ(block->bin->key, entry.key);
    ASSERT_EQ(block->taken_bytes, entry.key.bytes);
    ASSERT_EQ(block->asked_bytes, entry.asked_bytes);
    if (entry.state != State::idle) return;
    ASSERT_EQ(block->freed_number, entry.freed_number);
    ASSERT_EQ(block->idle_since_tick, entry.tick);
  }

  void check_device(int device) {
    ASSERT_EQ(cache_.idle_bytes(device), model_.idle_bytes(device));
    std::vector<uint64_t> order;
    for (const Block* block = cache_.longest_idle(device); block != nullptr; block = block->next_idle) {
      order.push_back(block->address);
    }
    ASSERT_EQ(order, model_.idle[device]);
  }

  void check_bins() {
    std::map<Key, uint64_t> live_counts;
    for (const auto& [address, entry] : model_.blocks) live_counts[tuple_of(entry.key)] += entry.state != State::idle;
    std::vector<const Bin*> bins;
    cache_.for_each_bin(
        [](void* list, const Bin& bin) { static_cast<std::vector<const Bin*>*>(list)->push_back(&bin); }, &bins);
    ASSERT_EQ(bins.size(), model_.bins.size());
    for (const Bin* bin : bins) {
      const Model::Lists& lists = model_.bins.at(tuple_of(bin->key));
      ASSERT_EQ(bin->device, lists.device);
      ASSERT_EQ(in_bin(bin->waiting), lists.waiting);
      ASSERT_EQ(in_bin(bin->ready), lists.ready);
      ASSERT_EQ(bin->waiting_count, lists.waiting.size());
      ASSERT_EQ(bin->idle_count, lists.waiting.size() + lists.ready.size());
      ASSERT_EQ(bin->live_count, live_counts[tuple_of(bin->key)]);
    }
  }

  std::minstd_rand random_;
  BlockCache cache_;
  Model model_;
  std::vector<uint64_t> live_;
  uint64_t next_address_ = uint64_t{1} << 40, last_number_ = 0, done_number_ = 0, tick_ = 0;
};

TEST(BlockCacheRandomTest, IsAsThePlainModelSays) {
  constexpr int kOperations = 300'000, kCheckEvery = 5'000;
  Pair pair(1);
  for (int i = 1; i <= kOperations; ++i) {
    pair.step();
    if (i % kCheckEvery == 0) pair.check();
    if (testing::Test::HasFatalFailure()) FAIL() << "at operation " << i;
  }
  // Both tables have grown several times, and every kind of operation has happened often.
  EXPECT_GT(pair.most_blocks, 4'000u);
  EXPECT_GT(pair.bin_count(), 1'500u);
  EXPECT_GT(pair.hits, 20'000u);
  EXPECT_GT(pair.misses, 1'000u);
  EXPECT_GT(pair.refused, 500u);
  EXPECT_GT(pair.forgotten, 1'000u);
  pair.forget_all();
  pair.check();
}

}  // namespace
}  // namespace weir::cuda::pool

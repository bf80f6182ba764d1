// linked_heap BLOCKS BYTES LOST THREADS: ends with that many blocks, of that many bytes together, alive, of which LOST in a hundred can
// no more be reached; with THREADS other threads asleep.
//
// Each part is a tree of blocks that lie anywhere, held or once held by one word; besides, every eighth word of a block points to some
// block of its part. The other words are small numbers, floating-point ones and zeros.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

namespace {

constexpr size_t kPointerEvery = 8;

struct Part {
  std::vector<uintptr_t*> blocks;
  std::vector<size_t> words;
};

Part make_blocks(size_t count, size_t mean_bytes, std::mt19937_64& chance) {
  Part part;
  // From three words, which a place in the tree takes, to twice the mean.
  std::uniform_int_distribution<size_t> words(3, 2 * mean_bytes / sizeof(uintptr_t) - 3);
  for (size_t i = 0; i < count; ++i) {
    part.words.push_back(words(chance));
    part.blocks.push_back(static_cast<uintptr_t*>(malloc(part.words.back() * sizeof(uintptr_t))));
    if (part.blocks.back() == nullptr) abort();
  }
  return part;
}

uintptr_t data_word(std::mt19937_64& chance) {
  const uint64_t drawn = chance();
  if (drawn % 4 == 0) return 0;
  return drawn % 4 == 1 ? 0x3ff0000000000000 | drawn >> 14 : drawn >> 48;
}

void fill(const Part& part, size_t block, std::mt19937_64& chance) {
  for (size_t word = 2; word < part.words[block]; ++word) {
    const bool points = word % kPointerEvery == 0;
    part.blocks[block][word] =
        points ? reinterpret_cast<uintptr_t>(part.blocks[chance() % part.blocks.size()]) : data_word(chance);
  }
}

// The root of a tree of the blocks in any order: the first two words of each are its children.
uintptr_t* link(const Part& part, std::mt19937_64& chance) {
  std::vector<uint32_t> order(part.blocks.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), chance);
  for (size_t i = 0; i < order.size(); ++i) fill(part, i, chance);
  for (size_t i = 0; i < order.size(); ++i) {
    for (size_t side = 0; side < 2; ++side) {
      const size_t child = 2 * i + 1 + side;
      part.blocks[order[i]][side] = child < order.size() ? reinterpret_cast<uintptr_t>(part.blocks[order[child]]) : 0;
    }
  }
  return order.empty() ? nullptr : part.blocks[order[0]];
}

uintptr_t* volatile held;

[[gnu::noinline]] void make_heap(size_t count, size_t bytes, size_t lost_percent) {
  std::mt19937_64 chance(1);
  const size_t lost = count * lost_percent / 100;
  Part kept = make_blocks(count - lost, bytes / count, chance);
  Part dropped = make_blocks(lost, bytes / count, chance);
  held = link(kept, chance);
  link(dropped, chance);
}

void* sleep_for_ever(void*) {
  for (;;) pause();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) return 2;
  for (long i = 0; i < atol(arguments[4]); ++i) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, sleep_for_ever, nullptr) != 0) return 3;
  }
  make_heap(strtoul(arguments[1], nullptr, 10), strtoul(arguments[2], nullptr, 10), strtoul(arguments[3], nullptr, 10));
  return 0;
}

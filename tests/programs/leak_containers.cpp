// What containers of eight kinds hold, each block held by nothing else: reachable 8 x 24.
// Their own blocks are allocated by functions of other names: how many and how large is the library's affair.
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "leak.h"

// In the heap, so that no destructor empties them.
struct All {
  std::vector<void*> vector;
  std::deque<void*> deque;
  std::list<void*> list;
  std::forward_list<void*> forward_list;
  std::map<int, void*> map;
  std::set<void*> set;
  std::unordered_map<int, void*> unordered_map;
  std::unique_ptr<void*[]> array;
};

static All* volatile all;

OWN_FRAME void* keep_one() {
  void* block = block_of(24);
  use(block);
  return block;
}

// With other elements around the one that matters.
OWN_FRAME void fill(All& into) {
  into.vector.assign(100, nullptr);
  into.vector[50] = keep_one();
  into.deque.assign(1000, nullptr);
  into.deque[700] = keep_one();
  for (int i = 0; i < 100; ++i) {
    into.list.push_back(i == 60 ? keep_one() : nullptr);
    into.forward_list.push_front(i == 60 ? keep_one() : nullptr);
    into.map[i * 37 % 101] = i == 60 ? keep_one() : nullptr;
    into.unordered_map[i * 37 % 101] = i == 60 ? keep_one() : nullptr;
    into.set.insert(i == 60 ? keep_one() : reinterpret_cast<void*>(static_cast<intptr_t>(i)));
  }
  into.array = std::make_unique<void*[]>(100);
  into.array[60] = keep_one();
}

int main() {
  all = new All;
  fill(*all);
  scrub();
}

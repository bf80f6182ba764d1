// Lost containers in the heap, with what they own: definite 4 x 24 + 1 x 48 + 1 x 56, indirect 3 x 48 + 1 x 24 + 1 x 16 + 1 x 56 + 1 x 80 + 2 x 200.
// A list, a map and an unordered map point to their elements, or what finds them, and back: which of a cycle leads does not matter here, as
// their sizes are the same.
// LSan: calls a list and its elements, which point to each other, indirect: a cycle has no leader there.
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "leak.h"

OWN_FRAME void leak_vector() {
  auto* vector = new std::vector<long>;  // 24 bytes
  vector->reserve(10);                   // 80
  use(vector);
}

OWN_FRAME void leak_list() {
  auto* list = new std::list<long>;  // 24
  list->push_back(1);                // 24
  use(list);
}

struct Triple {
  int first, second, third;
};

OWN_FRAME void leak_map() {
  auto* map = new std::map<int, Triple>;                    // 48
  (*map)[1].first = (*map)[2].first = (*map)[3].first = 4;  // 48 each
  use(map);
}

OWN_FRAME void leak_unordered_map() {
  auto* map = new std::unordered_map<int, int>;  // 56
  map->rehash(7);                                // 7 buckets of 8
  map->emplace(1, 2);                            // 16
  use(map);
}

struct Pair {
  std::unique_ptr<char[]> one{new char[200]};
  std::unique_ptr<char[]> two{new char[200]};
  long rest = 0;
};

OWN_FRAME void leak_owner() { use(new Pair); }                   // 24
OWN_FRAME void leak_pointers() { use(new std::vector<void*>); }  // 24

int main() {
  leak_vector();
  leak_list();
  leak_map();
  leak_unordered_map();
  leak_owner();
  leak_pointers();
  scrub();
}

// Long strings as keys and values of a map that is held, and what a removed one left: reachable 4 x 101, definite 1 x 40.
#include <map>
#include <string>

#include "leak.h"

static std::map<std::string, std::pair<std::string, void*>>* volatile held;

OWN_FRAME void make_map() { held = new std::map<std::string, std::pair<std::string, void*>>(); }

OWN_FRAME std::string keep_text(char letter) { return std::string(100, letter); }

OWN_FRAME void* leak_value() {
  void* block = block_of(40);
  use(block);
  return block;
}

OWN_FRAME void fill() {
  auto& map = *held;
  map[keep_text('a')].first = keep_text('b');
  map[keep_text('c')].first = keep_text('d');
  map["short"].second = leak_value();
  map.erase("short");
}

int main() {
  make_map();
  fill();
  scrub();
}

// An object that a function makes once and keeps, and one that a second thread made: reachable 2 x 40.
#include <thread>

#include "leak.h"

struct Table {
  long values[5];
};

OWN_FRAME Table& keep_table() {
  static Table* table = new Table{};
  return *table;
}

OWN_FRAME Table& keep_other() {
  static Table& table = *new Table{};
  return table;
}

int main() {
  use(&keep_table());
  std::thread([] { use(&keep_other()); }).join();
  scrub();
}

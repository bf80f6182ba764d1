// Takes memory until there is none (run under ulimit -v), by malloc and by new with a handler that frees; then works on.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace {

constexpr size_t kBlock = 100'000;
struct Link {
  Link* next;
};
Link* held;
void* reserve;
int handler_calls;

size_t take_all() {
  size_t count = 0;
  while (auto* link = static_cast<Link*>(malloc(kBlock))) {
    memset(static_cast<void*>(link), 1, kBlock);
    link->next = held;
    held = link;
    ++count;
  }
  return count;
}

void give_back() {
  while (held != nullptr) {
    Link* next = held->next;
    free(held);
    held = next;
  }
}

void free_reserve() {
  ++handler_calls;
  if (reserve == nullptr) throw std::bad_alloc();
  free(reserve);
  reserve = nullptr;
}

}  // namespace

int main() {
  reserve = malloc(1'000'000);
  const bool some = take_all() > 10;
  printf("some memory: %d\n", some);
  bool caught = false;
  std::set_new_handler(free_reserve);
  std::vector<char*> blocks;
  try {
    for (;;) blocks.push_back(new char[kBlock]);
  } catch (const std::bad_alloc&) {
    caught = true;
  }
  printf("caught: %d, the handler was called: %d\n", caught, handler_calls > 0);
  for (char* block : blocks) delete[] block;
  give_back();
  std::set_new_handler(nullptr);
  for (int round = 0; round < 3; ++round) {
    const bool again = take_all() > 10;
    give_back();
    printf("again: %d\n", again);
  }
  volatile char* leak = static_cast<char*>(malloc(54321));
  return leak != nullptr ? 3 : 1;
}

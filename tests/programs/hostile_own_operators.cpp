// Brings operator new and delete of its own, the plain forms alone: the C++ library makes all other forms of them. Counts its blocks.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace {
long live, made;
constexpr size_t kHeader = 32;
}  // namespace

void* operator new(size_t bytes) {
  char* block = static_cast<char*>(malloc(bytes + kHeader));
  if (block == nullptr) throw std::bad_alloc();
  memset(block, 0x77, kHeader);
  ++live, ++made;
  return block + kHeader;  // nobody else's delete can free that
}

void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  char* start = static_cast<char*>(block) - kHeader;
  if (start[0] != 0x77) abort();
  --live;
  free(start);
}

struct Node {
  int value = 1;
  std::unique_ptr<Node> next;
};

int main() {
  delete new int(3);
  delete[] new char[1000];
  delete new (std::nothrow) long(7);
  operator delete (operator new(24), size_t{24});
  operator delete[](operator new[](24), size_t{24});
  operator delete[](operator new[](24, std::nothrow), std::nothrow);
  operator delete (operator new (100, std::align_val_t{64}), std::align_val_t{64});
  std::vector<std::string> texts(100, std::string(100, 'x'));
  texts.clear();
  texts.shrink_to_fit();
  auto list = std::make_unique<Node>();
  for (int i = 0; i < 10; ++i) {
    auto node = std::make_unique<Node>();
    node->next = std::move(list);
    list = std::move(node);
  }
  list.reset();
  std::string* const text = new std::string(200, 'y');
  std::thread([text] { delete text; }).join();
  volatile char* leak = static_cast<char*>(malloc(54321));
  leak[0] = 1;
  printf("%ld of %ld live\n", live, made);
  return 0;
}

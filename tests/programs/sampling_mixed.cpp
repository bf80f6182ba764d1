// All ways to get, change and free blocks, at random, contents checked; by one thread, four, and a forked child. Blocks go from
// thread to thread.
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

struct Block {
  unsigned char* address;
  size_t bytes;
  unsigned char fill;
};

std::atomic<Block*> exchange[256];

void fail(const char* what) {
  fprintf(stderr, "%s\n", what);
  abort();
}

void check(const Block& block) {
  if (malloc_usable_size(block.address) < block.bytes) fail("usable size too small");
  for (size_t i = 0; i < block.bytes; ++i) {
    if (block.address[i] != block.fill) fail("contents changed");
  }
}

void give_back(Block* block) {
  if (block == nullptr) return;
  check(*block);
  free(block->address);
  delete block;
}

size_t size_from(uint64_t random) {
  switch (random % 16) {
    case 0:
      return 0;
    case 1:
      return random / 16 % 300000;
    case 2:
    case 3:
      return random / 16 % 10000;
    default:
      return random / 16 % 600;
  }
}

Block* make(uint64_t random) {
  auto* block = new Block{nullptr, size_from(random >> 8), static_cast<unsigned char>(random >> 40)};
  const size_t alignment = size_t{16} << (random >> 50) % 9;
  void* aligned = nullptr;
  switch (random % 6) {
    case 0:
      block->address = static_cast<unsigned char*>(calloc(1, block->bytes));
      for (size_t i = 0; i < block->bytes; ++i) {
        if (block->address[i] != 0) fail("calloc is not zero");
      }
      break;
    case 1:
      if (posix_memalign(&aligned, alignment, block->bytes) != 0) fail("posix_memalign");
      if (reinterpret_cast<uintptr_t>(aligned) % alignment != 0) fail("not aligned");
      block->address = static_cast<unsigned char*>(aligned);
      break;
    default:
      block->address = static_cast<unsigned char*>(malloc(block->bytes));
  }
  if (block->address == nullptr) fail("no memory");
  memset(block->address, block->fill, block->bytes);
  return block;
}

void resize(Block& block, uint64_t random) {
  const size_t bytes = size_from(random) + 1;
  auto* moved = static_cast<unsigned char*>(realloc(block.address, bytes));
  if (moved == nullptr) fail("realloc");
  for (size_t i = 0; i < bytes && i < block.bytes; ++i) {
    if (moved[i] != block.fill) fail("realloc lost contents");
  }
  memset(moved, block.fill, bytes);
  block.address = moved;
  block.bytes = bytes;
}

void work(uint64_t random, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    Block* block = exchange[random % 256].exchange(nullptr);
    const uint64_t choice = random >> 20;
    if (block != nullptr && choice % 3 == 0) {
      resize(*block, choice);
    } else {
      give_back(block);
      block = make(choice);
    }
    give_back(exchange[random % 256].exchange(block));
  }
}

void give_all_back() {
  for (auto& slot : exchange) give_back(slot.exchange(nullptr));
}

}  // namespace

int main() {
  work(1, 60000);
  const pid_t child = fork();
  if (child == 0) {
    work(2, 20000);
    give_all_back();
    exit(5);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::thread threads[4];
  for (int i = 0; i < 4; ++i) threads[i] = std::thread(work, 3 + i, 30000);
  for (std::thread& thread : threads) thread.join();
  give_all_back();
  printf("child %d\n", WEXITSTATUS(status));
}

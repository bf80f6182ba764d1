// Brings its own malloc, as programs with jemalloc linked in do: counts its blocks, and every one that came is freed by it.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr size_t kArenaBytes = 256 << 20;
constexpr uint64_t kMagic = 0x6a656d616c6c6f63;
alignas(4096) char arena[kArenaBytes];
std::atomic<size_t> used;
std::atomic<long> blocks;

struct Header {
  uint64_t magic;
  uint64_t bytes;
};

void* take(size_t bytes, size_t alignment) {
  const size_t room = bytes + alignment + sizeof(Header);
  const size_t at = used.fetch_add((room + 15) & ~size_t{15});
  if (at + room > kArenaBytes) return nullptr;
  uintptr_t user = reinterpret_cast<uintptr_t>(arena) + at + sizeof(Header);
  user = (user + alignment - 1) & ~(alignment - 1);
  auto* header = reinterpret_cast<Header*>(user) - 1;
  *header = {kMagic, bytes};
  ++blocks;
  return header + 1;
}

Header* header_of(void* block) {
  auto* header = static_cast<Header*>(block) - 1;
  if (header->magic != kMagic) __builtin_trap();  // not a block of this allocator: a real one would crash or corrupt
  return header;
}

}  // namespace

extern "C" {
void* malloc(size_t bytes) { return take(bytes, 16); }
void free(void* block) {
  if (block == nullptr) return;
  header_of(block)->magic = 0;
  --blocks;
}
void* calloc(size_t count, size_t bytes) { return take(count * bytes, 16); }  // the arena is zero and never used twice
void* realloc(void* block, size_t bytes) {
  void* moved = take(bytes, 16);
  if (block == nullptr || moved == nullptr) return moved;
  const size_t old_bytes = header_of(block)->bytes;
  memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
  free(block);
  return moved;
}
int posix_memalign(void** result, size_t alignment, size_t bytes) {
  *result = take(bytes, alignment);
  return *result == nullptr ? ENOMEM : 0;
}
void* aligned_alloc(size_t alignment, size_t bytes) { return take(bytes, alignment); }
void* memalign(size_t alignment, size_t bytes) { return take(bytes, alignment); }
size_t malloc_usable_size(void* block) { return block == nullptr ? 0 : header_of(block)->bytes; }
}

int main() {
  void* made = operator new(100);
  std::thread([made] { operator delete(made); }).join();
  free(strdup("text"));
  char* line = nullptr;
  if (asprintf(&line, "%d", 5) != 1) return 1;
  free(line);
  // Not portable, but common where one allocator serves both.
  free(operator new(10));
  operator delete(malloc(10));
  free(reallocarray(nullptr, 10, 10));  // the libc's, which calls the program's realloc
  free(reallocarray(malloc(8), 100, 1));
  std::vector<std::string> texts(1000, std::string(100, 'x'));
  texts.clear();
  texts.shrink_to_fit();
  FILE* file = fopen("/dev/null", "r");
  fclose(file);
  printf("malloc is the program's own: %d\n", static_cast<char*>(malloc(1)) >= arena);
  return 3;
}

// live BLOCKS BYTES STACKS: allocates that many blocks of that size from so many different stacks in turn (at most
// 262144), prints the process's resident bytes and ends with all of them alive.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "stack_shapes.h"

namespace {

constexpr int kLevels = 16;

// Keeps its blocks in a list through their first words: the program's own bookkeeping takes no memory.
class Keep final : public bench::Bottom {
 public:
  explicit Keep(std::size_t bytes) : bytes_(bytes) {}

  void loop() override {}
  [[gnu::noinline]] void once() override {
    void* block = malloc(bytes_);
    if (block == nullptr) abort();
    *static_cast<void**>(block) = last_;
    last_ = block;
  }
  bool more() override { return false; }

 private:
  std::size_t bytes_;
  void* last_ = nullptr;
};

long resident_pages() {
  long size = 0, resident = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (file == nullptr || fscanf(file, "%ld %ld", &size, &resident) != 2) abort();
  fclose(file);
  return resident;
}

Keep* kept;  // what all blocks hang from stays reachable

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const unsigned blocks = static_cast<unsigned>(atol(argv[1]));
  const unsigned stacks = static_cast<unsigned>(atol(argv[3]));
  static Keep keep(static_cast<std::size_t>(atol(argv[2])));
  kept = &keep;
  for (unsigned i = 0; i < blocks; ++i) bench::run_path(i % stacks, kLevels, keep);
  printf("%ld\n", resident_pages() * sysconf(_SC_PAGESIZE));
  return 0;
}

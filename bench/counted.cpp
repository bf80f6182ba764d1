// counted SHAPE DEPTH ROUNDS: that many malloc+free pairs on a stack of that depth, for counting instructions: two runs
// of different ROUNDS differ by the pairs alone. SHAPE is same, inner or all, as in stack_shapes.h.
#include <execinfo.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "stack_shapes.h"

namespace {

class CountedPairs final : public bench::Bottom {
 public:
  explicit CountedPairs(long rounds) : left_(rounds) {}

  [[gnu::noinline]] void loop() override {
    while (more()) pair();
  }
  [[gnu::noinline]] void once() override { pair(); }
  bool more() override { return left_-- > 0; }

 private:
  [[gnu::always_inline]] void pair() {
    void* block = malloc(100);
    __asm__ volatile("" : : "r"(block) : "memory");
    free(block);
  }

  long left_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::array<void*, 64> frames;
  const int levels = std::atoi(argv[2]) - backtrace(frames.data(), 64);
  CountedPairs bottom(std::atol(argv[3]));
  if (levels < bench::kLeastLevels) {
    bottom.loop();
  } else if (std::strcmp(argv[1], "all") == 0) {
    bench::run(bench::Shape::kAll, levels, bottom);
  } else {
    bench::run(std::strcmp(argv[1], "inner") == 0 ? bench::Shape::kInner : bench::Shape::kSame, levels, bottom);
  }
  return 0;
}

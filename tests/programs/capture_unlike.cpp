// Allocates under stacks of which every frame from main on differs from one allocation to the next: argv[1] times, under
// argv[2] stacks.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

void* volatile sink;
volatile char touched;

using Step = void (*)(uint64_t turns, int depth);
extern const Step kSteps[8];

// Frames of eight sizes, each with its own return addresses.
template <int kIndex>
[[gnu::noinline]] void step(uint64_t turns, int depth) {
  volatile char frame[16 + 24 * kIndex];
  frame[0] = static_cast<char>(depth);
  if (depth == 0) {
    sink = std::malloc(100 + kIndex);
    std::free(sink);
  } else {
    kSteps[turns & 7](turns >> 3, depth - 1);
  }
  touched = frame[0];
}

const Step kSteps[8] = {step<0>, step<1>, step<2>, step<3>, step<4>, step<5>, step<6>, step<7>};

}  // namespace

int main(int, char** argv) {
  uint64_t random = 88172645463325252;
  const long count = std::atol(argv[1]);
  const auto stacks = static_cast<uint64_t>(std::atol(argv[2]));
  for (long i = 0; i < count; ++i) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    const uint64_t turns = (random % stacks + 1) * 0x9e3779b97f4a7c15;
    kSteps[turns >> 61](turns, 5 + static_cast<int>(turns >> 32 & 7));
  }
  std::puts("done");
  return 0;
}

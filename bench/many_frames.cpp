// Leaves one block from each of 10,000 functions alive, each with a return address, a name and an inlined callee of its
// own: what a report takes to symbolise.
#include <cstdlib>
#include <utility>

namespace {

constexpr int kFunctions = 10'000;

void* volatile kept[kFunctions];

template <int kNumber>
inline void allocate() {
  kept[kNumber] = malloc(16);
}

template <int kNumber>
[[gnu::noinline]] void place() {
  allocate<kNumber>();
}

template <int... kNumbers>
void all_places(std::integer_sequence<int, kNumbers...>) {
  static void (*const places[])() = {place<kNumbers>...};
  for (auto* one : places) one();
}

}  // namespace

int main() {
  all_places(std::make_integer_sequence<int, kFunctions>());
  return 0;
}

// Misuses the heap from 300 places, some of them a thousand times: more than a report lists, and repeats are counted.
#include <cstdio>
#include <cstdlib>

template <int N>
[[gnu::noinline]] void misuse() {
  char* volatile block = static_cast<char*>(malloc(100));
  for (int i = 0; i < (N < 2 ? 1000 : 1); ++i) free(block + N % 50 + 1);
  free(block);
  if constexpr (N > 0) misuse<N - 1>();
}

int main() {
  misuse<299>();
  puts("alive");
  return 0;
}

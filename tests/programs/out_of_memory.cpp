// Shows that requests which cannot be served are answered as ever: under a limit of address space malloc, new and realloc fail.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <new>

static void* kept[5];

__attribute__((noinline)) static void hoard() {
  for (void*& block : kept) block = malloc(10 << 20);
}

int main() {
  hoard();
  const rlimit limit{size_t{1} << 30, size_t{1} << 30};
  setrlimit(RLIMIT_AS, &limit);
  if (malloc(size_t{4} << 30) == nullptr) printf("malloc");
  try {
    kept[1] = ::operator new (size_t{8} << 30);
  } catch (const std::bad_alloc&) {
    printf(" new");
  }
  if (realloc(kept[0], size_t{5} << 30) == nullptr) printf(" realloc\n");
}

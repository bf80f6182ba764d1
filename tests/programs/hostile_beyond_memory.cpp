// Shows what comes of asking for twice the machine's memory: each function says that there is none, where the kernel does.
#include <sys/sysinfo.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>

int main() {
  struct sysinfo machine;
  sysinfo(&machine);
  const size_t bytes = (machine.totalram + machine.totalswap) * machine.mem_unit * 2;
  void* small = malloc(100);
  errno = 0;
  const auto tell = [](const char* function, void* block) {
    printf("%s: %s, errno %d\n", function, block == nullptr ? "none" : "a block", errno);
    errno = 0;
  };
  tell("malloc", malloc(bytes));
  tell("calloc", calloc(bytes / 8, 8));
  tell("realloc", realloc(small, bytes));
  tell("aligned_alloc", aligned_alloc(4096, bytes));
  tell("new", operator new(bytes, std::nothrow));
  try {
    tell("new[]", operator new[](bytes));
  } catch (const std::bad_alloc&) {
    printf("new[]: bad_alloc\n");
  }
  return 3;
}

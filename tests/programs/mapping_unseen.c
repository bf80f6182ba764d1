// Unmaps 4 of 9 pages by a raw system call, which no preload sees: the report asks the kernel and lists 5.
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096 };

static long raw_munmap(void* address, unsigned long bytes) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_munmap), "D"(address), "S"(bytes) : "rcx", "r11", "memory");
  return result;
}

int main(void) {
  char* memory = mmap(NULL, 9 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  return raw_munmap(memory + 2 * PAGE, 4 * PAGE) == 0 ? 0 : 1;
}

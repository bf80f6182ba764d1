// Calls that the kernel refuses answer with the libc's own result and errno, and what was mapped before stays tracked: 6 pages.
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

enum { PAGE = 4096 };

static void say(const char* call, intptr_t result) {
  printf("%s: %s %s\n", call, result == -1 ? "-1" : result == 0 ? "0" : "address", strerrorname_np(errno));
  errno = 0;
}

int main(void) {
  const int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  const int no_replace = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  char* memory = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  errno = 0;
  say("mmap of nothing", (intptr_t)mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  say("mmap of bad fd", (intptr_t)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0));
  say("mmap misaligned offset", (intptr_t)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 0, 1));
  say("mmap too large", (intptr_t)mmap(NULL, SIZE_MAX - PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  say("mmap fixed misaligned", (intptr_t)mmap(memory + 1, PAGE, PROT_READ, fixed, -1, 0));
  say("mmap fixed over, bad fd", (intptr_t)mmap(memory, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, 999, 0));
  say("mmap no replace", (intptr_t)mmap(memory, PAGE, PROT_READ, no_replace, -1, 0));
  say("munmap misaligned", munmap(memory + 1, PAGE));
  say("munmap of nothing", munmap(memory, 0));
  say("munmap of no mapping", munmap((void*)0x10000, PAGE));
  say("mremap misaligned", (intptr_t)mremap(memory + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
  say("mremap of no mapping", (intptr_t)mremap((void*)0x10000, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
  say("mremap to nothing", (intptr_t)mremap(memory, PAGE, 0, MREMAP_MAYMOVE));
  say("mremap fixed overlapping",
      (intptr_t)mremap(memory, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, memory + PAGE));
  say("mprotect misaligned", mprotect(memory + 1, PAGE, PROT_NONE));
  say("mprotect of no mapping", mprotect((void*)0x10000, PAGE, PROT_NONE));
  say("shmat of no segment", (intptr_t)shmat(-1, NULL, 0));
  say("shmdt of no segment", shmdt(memory));
  say("sbrk too large", (intptr_t)sbrk(INTPTR_MAX));
  say("brk below", brk((void*)PAGE));
  memset(memory, 1, 6 * PAGE);
  return 0;
}

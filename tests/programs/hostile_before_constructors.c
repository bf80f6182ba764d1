// Allocates in an ifunc resolver, in .preinit_array and in constructors; frees and grows those blocks later; leaks 54321 bytes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static char* early[3];
static char* early_mapping;

static void preinit(int argc, char** argv, char** environment) {
  early[0] = malloc(100);
  strcpy(early[0], "preinit");
  early_mapping = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
__attribute__((section(".preinit_array"), used)) static void (*const preinit_entry)(int, char**, char**) = preinit;

__attribute__((constructor(101))) static void construct(void) {
  early[1] = calloc(10, 10);
  strcpy(early[1], "constructor");
}

static int real_work(void) { return 42; }
static int (*resolve(void))(void) {
  void* volatile block = malloc(64);
  free(block);
  return real_work;
}
__attribute__((ifunc("resolve"))) int work(void);

__attribute__((destructor)) static void destruct(void) {
  free(early[2]);
  free(malloc(100));
}

int main(void) {
  early[2] = malloc(10);
  early[0] = realloc(early[0], 5000);
  printf("%s %s %d\n", early[0], early[1], work());
  free(early[0]);
  free(early[1]);
  munmap(early_mapping, 4096);
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  return 3;
}

// The corners of the malloc family: sizes of zero, overflows, alignments, errno. Prints what must be the same under any malloc.
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say(const char* call, const void* block) {
  printf("%s: %s errno %s\n", call, block == NULL ? "NULL" : "block", strerrorname_np(errno));
  errno = 0;
}

static void check_usable(size_t bytes) {
  char* block = malloc(bytes);
  if (malloc_usable_size(block) < bytes) printf("usable size of %zu is too small\n", bytes);
  memset(block, 0xa5, malloc_usable_size(block));
  free(block);
}

static void check_aligned(const char* call, void* block, size_t alignment, size_t bytes) {
  printf("%s of %zu at %zu: %s\n", call, bytes, alignment,
         block == NULL                       ? "NULL"
         : (uintptr_t)block % alignment == 0 ? "aligned"
                                             : "misaligned");
  if (block == NULL) return;
  memset(block, 1, bytes);
  if (malloc_usable_size(block) < bytes) printf("usable size is too small\n");
  block = realloc(block, bytes + 100);
  printf("contents after realloc: %s\n", bytes == 0 || ((char*)block)[bytes - 1] == 1 ? "kept" : "lost");
  free(block);
}

static void sizes_of_zero(void) {
  void* first = malloc(0);
  void* second = malloc(0);
  say("malloc(0)", first);
  printf("two of them differ: %d\n", first != second);
  say("realloc(p, 0)", realloc(first, 0));
  say("realloc(NULL, 0)", realloc(NULL, 0));
  say("calloc(0, 8)", calloc(0, 8));
  say("calloc(8, 0)", calloc(8, 0));
  say("reallocarray(p, 0, 8)", reallocarray(second, 0, 8));
  say("reallocarray(NULL, 0, 8)", reallocarray(NULL, 0, 8));
  say("aligned_alloc(64, 0)", aligned_alloc(64, 0));
  say("valloc(0)", valloc(0));
  free(NULL);
  printf("usable size of NULL: %zu\n", malloc_usable_size(NULL));
}

static void too_large(void) {
  volatile size_t huge = (size_t)PTRDIFF_MAX + 1;
  void* block = malloc(10);
  memcpy(block, "contents", 9);
  say("malloc(PTRDIFF_MAX + 1)", malloc(huge));
  say("malloc(SIZE_MAX)", malloc(SIZE_MAX * (huge != 0)));
  say("calloc overflow", calloc(huge, 2));
  say("calloc overflow by one", calloc(SIZE_MAX / 16 + 1, 16 * (huge != 0)));
  say("calloc too large", calloc(huge, 1));
  say("realloc too large", realloc(block, huge));
  say("reallocarray overflow", reallocarray(block, huge, 2));
  say("memalign too large", memalign(64, huge));
  say("aligned_alloc too large", aligned_alloc(4096, SIZE_MAX - 4095));
  say("valloc too large", valloc(SIZE_MAX - 100 * (huge != 0)));
  say("pvalloc too large", pvalloc(SIZE_MAX - 100 * (huge != 0)));
  printf("contents after failures: %s\n", (char*)block);
  free(block);
}

static void alignments(void) {
  void* block = &block;
  void* const before = block;
  printf("posix_memalign(3): %s\n", strerrorname_np(posix_memalign(&block, 3, 8)));
  printf("posix_memalign(4): %s\n", strerrorname_np(posix_memalign(&block, 4, 8)));
  printf("posix_memalign(24): %s\n", strerrorname_np(posix_memalign(&block, 24, 8)));
  printf("posix_memalign(0): %s\n", strerrorname_np(posix_memalign(&block, 0, 8)));
  printf("posix_memalign too large: %s\n", strerrorname_np(posix_memalign(&block, 64, (size_t)PTRDIFF_MAX + 1)));
  printf("pointer untouched by failures: %d, errno %s\n", block == before, strerrorname_np(errno));
  for (size_t alignment = 8; alignment <= (size_t)1 << 26; alignment *= 8) {
    if (posix_memalign(&block, alignment, 100) != 0) block = NULL;
    check_aligned("posix_memalign", block, alignment, 100);
    check_aligned("aligned_alloc", aligned_alloc(alignment, alignment), alignment, alignment);
    check_aligned("memalign", memalign(alignment, 33), alignment, 33);
  }
  check_aligned("memalign, no power of two", memalign(48, 10), 16, 10);
  check_aligned("memalign of 0", memalign(0, 10), 16, 10);
  check_aligned("valloc", valloc(10), 4096, 10);
  check_aligned("pvalloc", pvalloc(10), 4096, 4096);
}

static void zeroed(void) {
  for (size_t bytes = 1; bytes < 3000000; bytes = bytes * 3 + 1) {
    char* dirty = malloc(bytes);
    memset(dirty, 0xff, bytes);
    free(dirty);
    const char* clean = calloc(1, bytes);
    for (size_t i = 0; i < bytes; ++i) {
      if (clean[i] != 0) {
        printf("calloc of %zu is not zero at %zu\n", bytes, i);
        break;
      }
    }
    free((void*)clean);
  }
}

static void growing(void) {
  char* block = NULL;
  for (size_t bytes = 1; bytes < 40000000; bytes = bytes * 2 + 3) {
    block = realloc(block, bytes);
    block[bytes - 1] = (char)bytes;
    for (size_t back = bytes; back > 1; back = (back - 3) / 2) {
      if (block[back - 1] != (char)back) printf("realloc to %zu lost the byte at %zu\n", bytes, back);
    }
  }
  free(realloc(block, 5));
}

int main(void) {
  errno = 0;
  sizes_of_zero();
  too_large();
  alignments();
  zeroed();
  growing();
  for (size_t bytes = 1; bytes < 70000; bytes = bytes * 5 / 4 + 1) check_usable(bytes);
  errno = E2BIG;
  free(malloc(100));
  free(malloc(100000000));
  printf("errno after malloc and free: %s\n", strerrorname_np(errno));
  printf("mallopt: %d, malloc_trim at most 1: %d\n", mallopt(M_MMAP_THRESHOLD, 1 << 20), malloc_trim(0) <= 1);
  return 0;
}

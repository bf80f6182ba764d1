// Shows page-locked buffers without CUDA: zeroed, known from their first byte to their last, limited by RLIMIT_MEMLOCK, and what fork does.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../include/weir/weir.h"

int is_zero(const char* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (bytes[i] != 0) return 0;
  }
  return 1;
}

// Kilobytes of this process that are locked, as the kernel counts them.
static long locked_kilobytes(void) {
  char line[256];
  long kilobytes = -1;
  FILE* status = fopen("/proc/self/status", "r");
  while (status != NULL && fgets(line, sizeof line, status) != NULL) sscanf(line, "VmLck: %ld", &kilobytes);
  if (status != NULL) fclose(status);
  return kilobytes;
}

static void take_and_return(void) {
  const size_t bytes = 10000;
  char* buffer = weir_pinned_alloc(bytes, WEIR_ZEROED);
  printf("zero %d aligned %d locked %ld\n", is_zero(buffer, bytes), (size_t)buffer % 64 == 0, locked_kilobytes());
  printf("first %d last %d before %d\n", weir_is_pinned(buffer), weir_is_pinned(buffer + bytes - 1),
         weir_is_pinned(buffer - 1));
  memset(buffer, 1, bytes);
  printf("inside %d\n", weir_pinned_free(buffer + 64));
  printf("freed %d\n", weir_pinned_free(buffer));
  printf("again %d\n", weir_pinned_free(buffer));
  printf("none %d locked %ld\n", weir_pinned_free(NULL), locked_kilobytes());
}

static void ask_for_too_much(void) {
  const struct rlimit none = {0, 0};
  errno = 0;
  printf("none %d", weir_pinned_alloc(0, 0) == NULL && errno == EINVAL);
  errno = 0;
  printf(" all %d", weir_pinned_alloc((size_t)-1, 0) == NULL && errno == ENOMEM);
  setrlimit(RLIMIT_MEMLOCK, &none);
  if (geteuid() == 0) {  // who may lock without a limit
    printf(" unlimited\n");
    return;
  }
  errno = 0;
  printf(" limited %d\n", weir_pinned_alloc(4096, 0) == NULL && (errno == ENOMEM || errno == EPERM));
}

static void fork_with_one(void) {
  char* buffer = weir_pinned_alloc(4096, 0);
  int status = 0;
  fflush(stdout);
  if (fork() == 0) {
    const int locked = weir_is_pinned(buffer);
    printf("child: locked %d freed %d\n", locked, weir_pinned_free(buffer));
    fflush(stdout);
    _exit(0);
  }
  wait(&status);
  printf("parent: locked %d\n", weir_is_pinned(buffer));
  weir_pinned_free(buffer);
}

int main(void) {
  int on_stack = 0;
  printf("stack %d static %d\n", weir_is_pinned(&on_stack), weir_is_pinned(&is_zero));
  if (!weir_present()) {
    printf("absent %d %d\n", weir_pinned_alloc(1, 0) == NULL, weir_pinned_free(&on_stack));
    return 0;
  }
  take_and_return();
  fork_with_one();
  ask_for_too_much();
  return 0;
}

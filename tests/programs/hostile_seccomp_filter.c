// Installs a filter that kills on every system call but those glibc's own malloc and stdio make; then allocates 64 MB in 3 ways.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

int main(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      ALLOW(read),
      ALLOW(write),
      ALLOW(newfstatat),
      ALLOW(brk),
      ALLOW(mmap),
      ALLOW(munmap),
      ALLOW(mremap),
      ALLOW(mprotect),
      ALLOW(futex),
      ALLOW(exit_group),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const struct sock_fprog program = {sizeof code / sizeof *code, code};
  free(malloc(1));  // glibc's first asks for a random number
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    return 77;
  for (size_t bytes = 100; bytes < 64000000; bytes *= 3) {
    char* block = malloc(bytes);
    memset(block, 1, bytes);
    block = realloc(block, bytes * 2);
    char* clean = calloc(1, bytes);
    free(block);
    free(clean);
  }
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  printf("confined\n");
  return 3;
}

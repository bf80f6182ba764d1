// Confines itself by a filter that kills at any system call but write and the exits, by prctl or (argument "syscall")
// by syscall(SYS_seccomp), and ends by _exit(16). Argument "thread": the calls by which memory is had are allowed too,
// and a thread makes its first allocation under the filter. Argument "mild": a filter that answers getppid by EPERM and
// allows all else.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int running;
static volatile int confined;
static volatile int allocated;

static void* allocate_late(void* unused) {
  running = 1;
  while (!confined) {
  }
  void* volatile late = malloc(3000);
  allocated = late != NULL;
  for (;;) {
  }
}

#define ALLOW(number, distance) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, distance, 0)

int main(int argc, char** argv) {
  struct sock_filter few[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      ALLOW(SYS_write, 3),
      ALLOW(SYS_exit_group, 2),
      ALLOW(SYS_exit, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_filter with_memory[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      ALLOW(SYS_write, 6),
      ALLOW(SYS_exit_group, 5),
      ALLOW(SYS_exit, 4),
      ALLOW(SYS_mmap, 3),
      ALLOW(SYS_munmap, 2),
      ALLOW(SYS_mprotect, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_filter mild[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      ALLOW(SYS_getppid, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
  };
  const char* mode = argc > 1 ? argv[1] : "prctl";
  struct sock_fprog program = {sizeof few / sizeof *few, few};
  void* volatile kept = malloc(1000);
  pthread_t thread;
  if (strcmp(mode, "mild") == 0) program = (struct sock_fprog){sizeof mild / sizeof *mild, mild};
  if (strcmp(mode, "thread") == 0) {
    program = (struct sock_fprog){sizeof with_memory / sizeof *with_memory, with_memory};
    if (pthread_create(&thread, NULL, allocate_late, NULL) != 0) return 4;
    while (!running) {
    }
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
  if (strcmp(mode, "prctl") == 0) {
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 3;
  } else {
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0) return 2;
  }
  const int waits = strcmp(mode, "thread") == 0;
  confined = 1;
  while (waits && !allocated) {
  }
  kept = malloc(2000);
  write(1, "confined\n", 9);
  free(kept);
  _exit(16);
}

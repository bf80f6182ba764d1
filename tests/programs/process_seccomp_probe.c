// Asks the kernel for a filter that it refuses, as programs probe for the feature, works on and returns 17 from main.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  struct sock_fprog empty = {0, NULL};
  const int by_prctl = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == -1 ? errno : 0;
  errno = 0;
  const int by_call = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &empty) == -1 ? errno : 0;
  printf("%d %d\n", by_prctl != 0, by_call != 0);
  return 17;
}

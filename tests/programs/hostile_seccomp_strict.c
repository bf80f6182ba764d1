// Enters seccomp's strict mode (read, write, exit only), works in the memory it has, leaks 54321 bytes and exits with status 3.
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  free(malloc(20000));  // the heap has room for what follows
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return 77;
  char* held[20];
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 20; ++i) held[i] = malloc(500);
    for (int i = 0; i < 20; ++i) free(held[i]);
  }
  write(1, "confined\n", 9);
  syscall(SYS_exit, 3);  // exit_group, which exit() uses, is not allowed
}

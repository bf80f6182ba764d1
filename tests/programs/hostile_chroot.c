// Changes its root to argv[1], an empty folder, drops its privileges to user 65534 if argv[2] says so, leaks 54321 bytes.
#define _GNU_SOURCE
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (chroot(argv[1]) != 0 || chdir("/") != 0) return 77;
  if (argc > 2 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)) return 77;
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  printf("out\n");
  return 3;
}

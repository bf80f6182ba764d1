// Becomes user 65534 for good, leaks 54321 bytes and ends with status 3.
#define _GNU_SOURCE
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
  if (setgroups(0, NULL) != 0 || setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) return 77;
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  printf("out\n");
  return 3;
}

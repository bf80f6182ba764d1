// daemon() fails because no process can be made; the program works on and returns 11 from main.
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

int main(void) {
  const struct rlimit none = {0, 0};
  if (getuid() == 0) {
    // Root is not bound by the limit: become somebody else. The report's folder is open to all in this test.
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) return 2;
  }
  if (setrlimit(RLIMIT_NPROC, &none) != 0) return 3;
  if (daemon(1, 1) == 0) return 4;
  puts("daemon failed");
  return 11;
}

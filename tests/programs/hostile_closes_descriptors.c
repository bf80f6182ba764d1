// Closes every descriptor, opens files of its own under the same numbers, leaks 54321 bytes and ends: none of them is touched.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char** argv) {
  write(1, "out\n", 4);
  if (close_range(0, ~0U, 0) != 0) {
    for (int fd = 0; fd < 4096; ++fd) close(fd);
  }
  for (int fd = 0; fd < 10; ++fd) {
    if (open("/dev/null", O_RDWR) != fd) return 1;
  }
  close(7);
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  for (int i = 0; i < 1000; ++i) free(malloc(i * 100));
  struct stat status;
  for (int fd = 0; fd < 10; ++fd) {
    if ((fstat(fd, &status) == 0) != (fd != 7)) return 2;
  }
  return fstat(10, &status) == 0 ? 4 : 3;
}

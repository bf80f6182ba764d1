// Closes descriptor 2, opens its data file there, writes "data" and returns 23.
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  close(2);
  const int file = open(argv[1], O_WRONLY | O_CREAT, 0600);
  if (file != 2 || write(file, "data", 4) != 4) return 1;
  return 23;
}

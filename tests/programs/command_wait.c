// Says "ready" and waits for a signal; with the argument "handle" it catches INT and TERM and exits with 7.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void finish(int number) {
  (void)number;
  exit(7);
}

int main(int argc, char** argv) {
  static void* volatile kept;
  kept = malloc(321);
  if (argc > 1 && strcmp(argv[1], "handle") == 0) {
    signal(SIGINT, finish);
    signal(SIGTERM, finish);
  }
  puts("ready");
  fflush(stdout);
  while (1) pause();
}

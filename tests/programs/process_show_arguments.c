// Prints its arguments and the variables of its environment that are not the loader's or the test's, and returns 20.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char** environ;

int main(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) printf("%s\n", argv[i]);
  printf("%s\n", getenv("PROCESS_EXEC_TEST") ? getenv("PROCESS_EXEC_TEST") : "unset");
  printf("preload %s\n", getenv("LD_PRELOAD") ? "set" : "unset");
  return 20;
}

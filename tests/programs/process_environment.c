// Prints its whole environment, one variable a line.
#include <stdio.h>

int main(int argc, char** argv, char** envp) {
  for (; *envp != NULL; ++envp) puts(*envp);
  return 0;
}

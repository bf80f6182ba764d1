// Sends itself the signal whose number is its argument, and is killed by it where the action is the default one.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  void* volatile kept = malloc(1000);
  kill(getpid(), atoi(argv[1]));
  for (;;) pause();
}

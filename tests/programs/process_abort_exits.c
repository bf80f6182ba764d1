// A handler of SIGABRT ends the process by _exit(9), as crash handlers do.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void on_abort(int number) { _exit(9); }

int main(void) {
  signal(SIGABRT, on_abort);
  abort();
}

// Ends by abort() after a handler of SIGABRT that returns: the handler runs once, and the signal still kills.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void on_abort(int number) { write(1, "handler\n", 8); }

int main(void) {
  signal(SIGABRT, on_abort);
  abort();
}

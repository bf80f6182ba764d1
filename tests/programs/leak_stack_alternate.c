// What a signal handler holds that runs on an alternate stack, in the heap, when it ends the process, and main below it: reachable 1 x 65536 + 2 x 24.
#include <signal.h>

#include "leak.h"

static char* volatile alternate;

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(24);
  use(block);
  return block;
}

static OWN_FRAME void keep_alternate(void) {
  alternate = calloc(1, 65536);
  stack_t stack = {.ss_sp = alternate, .ss_size = 65536};
  sigaltstack(&stack, NULL);
}

static void handle(int number) {
  void* volatile own = keep_one();
  use((void*)&own);
  exit(number - SIGUSR1);
}

int main(void) {
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
  void* volatile own = keep_one();
  keep_alternate();
  sigaction(SIGUSR1, &action, NULL);
  scrub();
  raise(SIGUSR1);
  use(own);
  return 1;
}

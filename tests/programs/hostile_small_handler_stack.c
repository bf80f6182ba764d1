// Overflows its stack and ends from the handler, on an alternate stack of 8 KiB with a guard below, as Rust programs do: by _exit, abort or
// exit.
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kStackBytes = 8192, kGuardBytes = 4096 };

static const char* end;

static void end_process(int signal) {
  (void)signal;
  if (strcmp(end, "_exit") == 0) _exit(3);
  if (strcmp(end, "exit") == 0) exit(3);
  abort();
}

static int recurse(volatile int* depth) {
  volatile char frame[1000];
  frame[0] = (char)++*depth;
  return recurse(depth) + frame[0];
}

int main(int argc, char** argv) {
  end = argc > 1 ? argv[1] : "_exit";
  char* mapped = mmap(NULL, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(mapped, kGuardBytes, PROT_NONE);
  stack_t stack = {.ss_sp = mapped + kGuardBytes, .ss_size = kStackBytes};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_handler = end_process, .sa_flags = SA_ONSTACK};
  sigaction(SIGSEGV, &action, NULL);
  volatile int depth = 0;
  return recurse(&depth);
}

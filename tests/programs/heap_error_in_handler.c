// A handler of SIGABRT that lives on: what WEIR_ON_ERROR=abort ends, it does not.
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static sigjmp_buf back;
static void leave(int signal) { siglongjmp(back, 1); }

int main(void) {
  signal(SIGABRT, leave);
  char* volatile block = malloc(100);
  free(block);
  if (sigsetjmp(back, 1) == 0) free(block);
  for (int i = 0; i < 1000; ++i) free(malloc(100 + i));
  puts("survived");
  return 0;
}

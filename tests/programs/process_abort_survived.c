// Catches abort() by a longjmp out of the handler, three times, and then returns 8 from main.
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static sigjmp_buf back;

static void on_abort(int number) { siglongjmp(back, 1); }

int main(void) {
  signal(SIGABRT, on_abort);
  volatile int survived = 0;
  while (survived < 3) {
    if (sigsetjmp(back, 1) == 0) abort();
    ++survived;
  }
  printf("survived %d\n", survived);
  return 8;
}

// What a running thread holds in rbp, which many take for a frame pointer, and nowhere else: reachable 1 x 40.
#include "leak.h"

static void* volatile slot;
static volatile int ready;

static OWN_FRAME void keep_one(void) { slot = block_of(40); }

// Its places are given by registers, as rbp may be what the compiler would find them by.
static OWN_FRAME void* run_for_ever(void* unused) {
  __asm__ volatile("mov (%0), %%rbp\n movq $0, (%0)\n movl $1, (%1)\n1: pause\n jmp 1b"
                   :
                   : "r"(&slot), "r"(&ready)
                   : "memory");
  return unused;
}

int main(void) {
  keep_one();
  scrub();
  start_thread(run_for_ever, NULL);
  wait_for(&ready);
  return 0;
}

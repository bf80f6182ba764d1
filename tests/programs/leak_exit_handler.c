// A signal's handler ends the process: what it holds, and what the interrupted loop held in a register and below its stack pointer: reachable 3 x 32.
#include <signal.h>

#include "leak.h"

static void* volatile slot_a;
static void* volatile slot_b;

static OWN_FRAME void* keep_one(void) { return block_of(32); }

static void handle(int number) {
  void* volatile own = keep_one();
  scrub();
  use((void*)&own);
  exit(number - SIGALRM);
}

int main(void) {
  slot_a = keep_one();
  slot_b = keep_one();
  scrub();
  signal(SIGALRM, handle);
  ualarm(20000, 0);
  __asm__ volatile(
      "mov %0, %%r12\n movq $0, %0\n mov %1, %%rax\n movq $0, %1\n mov %%rax, -64(%%rsp)\n xor %%eax, %%eax\n"
      "1: pause\n jmp 1b"
      : "+m"(slot_a), "+m"(slot_b)
      :
      : "r12", "rax", "memory");
  return 1;
}

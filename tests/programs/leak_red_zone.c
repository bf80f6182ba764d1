// What a running thread holds below its stack pointer, where a function without calls may keep its variables: reachable 1 x 40.
// LSan: does not look below the stack pointer.
#include "leak.h"

static void* volatile slot;
static volatile int ready;

static OWN_FRAME void keep_one(void) { slot = block_of(40); }

// Takes the pointer from slot into the red zone and never returns.
static OWN_FRAME void* run_for_ever(void* unused) {
  __asm__ volatile(
      "mov %0, %%rax\n mov %%rax, -120(%%rsp)\n movq $0, %0\n xor %%eax, %%eax\n movl $1, %1\n"
      "1: pause\n jmp 1b"
      : "+m"(slot), "+m"(ready)
      :
      : "rax", "memory");
  return unused;
}

int main(void) {
  keep_one();
  scrub();
  start_thread(run_for_ever, NULL);
  wait_for(&ready);
  return 0;
}

// What threads hold in one register each while they wait in a system call: reachable 3 x 40.
#include "leak_register.h"

// Takes the pointer from slot into a register and calls pause, number 34, for ever.
#define WAIT_WITH(name)                                                                                      \
  static OWN_FRAME void* wait_with_##name(void* unused) {                                                    \
    __asm__ volatile("mov %0, %%" #name "\n movq $0, %0\n movl $1, %1\n1: mov $34, %%eax\n syscall\n jmp 1b" \
                     : "+m"(slot), "+m"(ready)                                                               \
                     :                                                                                       \
                     : #name, "rax", "rcx", "r11", "memory");                                                \
    return unused;                                                                                           \
  }
WAIT_WITH(rbx)
WAIT_WITH(r12)
WAIT_WITH(r14)

int main(void) {
  hold(wait_with_rbx);
  hold(wait_with_r12);
  hold(wait_with_r14);
  usleep(20000);  // until they wait
  return 0;
}

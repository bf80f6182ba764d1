// What running threads hold in one register each, and nowhere else: reachable 4 x 40.
#include "leak_register.h"

// Takes the pointer from slot into a register and never returns.
#define RUN_WITH(name)                                                                    \
  static OWN_FRAME void* run_with_##name(void* unused) {                                  \
    __asm__ volatile("mov %0, %%" #name "\n movq $0, %0\n movl $1, %1\n1: pause\n jmp 1b" \
                     : "+m"(slot), "+m"(ready)                                            \
                     :                                                                    \
                     : #name, "memory");                                                  \
    return unused;                                                                        \
  }
RUN_WITH(rbx)
RUN_WITH(rdx)
RUN_WITH(r11)
RUN_WITH(r15)

int main(void) {
  hold(run_with_rbx);
  hold(run_with_rdx);
  hold(run_with_r11);
  hold(run_with_r15);
  return 0;
}

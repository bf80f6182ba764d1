// What running threads hold in a vector register, and nowhere else: reachable 2 x 40.
// Valgrind: definite 2 x 40: it looks at general registers only.
#include "leak_register.h"

static OWN_FRAME void* run_with_low(void* unused) {
  __asm__ volatile("movq %0, %%xmm5\n movq $0, %0\n movl $1, %1\n1: pause\n jmp 1b"
                   : "+m"(slot), "+m"(ready)
                   :
                   : "xmm5", "memory");
  return unused;
}

// In the upper half, as a pair of pointers is moved by compilers.
static OWN_FRAME void* run_with_high(void* unused) {
  __asm__ volatile("pxor %%xmm14, %%xmm14\n movhps %0, %%xmm14\n movq $0, %0\n movl $1, %1\n1: pause\n jmp 1b"
                   : "+m"(slot), "+m"(ready)
                   :
                   : "xmm14", "memory");
  return unused;
}

int main(void) {
  hold(run_with_low);
  hold(run_with_high);
  return 0;
}

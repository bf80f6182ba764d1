// What the thread that calls exit holds in registers that calls preserve, and nowhere else: reachable 2 x 40.
#include "leak.h"

static void* volatile slot_a;
static void* volatile slot_b;

static OWN_FRAME void keep_two(void) {
  slot_a = block_of(40);
  slot_b = block_of(40);
}

int main(void) {
  keep_two();
  scrub();
  __asm__ volatile("mov %0, %%rbx\n movq $0, %0\n mov %1, %%r13\n movq $0, %1\n xor %%edi, %%edi\n call exit@PLT"
                   : "+m"(slot_a), "+m"(slot_b)
                   :
                   : "rbx", "r13", "rdi", "memory");
  return 1;
}

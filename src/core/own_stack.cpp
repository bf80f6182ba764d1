#include "core/own_stack.h"

#include <cstddef>

#include "core/own_memory.h"

// call_on_stack(function, argument, top). The frame is found by rbp, which is the same on both stacks.
asm(".pushsection .text.weir_call_on_stack,\"ax\",@progbits\n"
    ".hidden weir_call_on_stack\n"
    ".globl weir_call_on_stack\n"
    ".type weir_call_on_stack, @function\n"
    "weir_call_on_stack:\n"
    "  .cfi_startproc\n"
    "  pushq %rbp\n"
    "  .cfi_def_cfa_offset 16\n"
    "  .cfi_offset %rbp, -16\n"
    "  movq %rsp, %rbp\n"
    "  .cfi_def_cfa_register %rbp\n"
    "  pushq %rbx\n"
    "  .cfi_offset %rbx, -24\n"
    "  pushq %r12\n"
    "  .cfi_offset %r12, -32\n"
    "  pushq %r13\n"
    "  .cfi_offset %r13, -40\n"
    "  pushq %r14\n"
    "  .cfi_offset %r14, -48\n"
    "  pushq %r15\n"
    "  .cfi_offset %r15, -56\n"
    "  movq %rdi, %rax\n"
    "  movq %rsi, %rdi\n"
    "  movq %rdx, %rsp\n"
    "  callq *%rax\n"
    "  leaq -40(%rbp), %rsp\n"
    "  popq %r15\n"
    "  popq %r14\n"
    "  popq %r13\n"
    "  popq %r12\n"
    "  popq %rbx\n"
    "  popq %rbp\n"
    "  .cfi_def_cfa %rsp, 8\n"
    "  retq\n"
    "  .cfi_endproc\n"
    ".size weir_call_on_stack, . - weir_call_on_stack\n"
    ".popsection\n");
extern "C" __attribute__((visibility("hidden"))) void weir_call_on_stack(void (*function)(void*), void* argument,
                                                                         void* top);

namespace weir::core {

void run_on_own_stack(void (*function)(void* argument), void* argument) {
  constexpr size_t kBytes = size_t{256} << 10;
  auto* stack = static_cast<char*>(map_own(kBytes));
  if (stack == nullptr) return function(argument);  // guard: own-stack
  weir_call_on_stack(function, argument, stack + kBytes);
  unmap_own(stack, kBytes);
}

}  // namespace weir::core

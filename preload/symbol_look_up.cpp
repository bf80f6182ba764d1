// dlsym and dlvsym: a look at the name, then a jump to the next definition with everything as it was, because the loader looks at who
// called. Only for the driver's names and those of what takes a block (dlsym), and for that of dlsym itself (dlvsym), is Weir asked first.
#include "runtime/symbol_look_up.h"

#include <malloc.h>
#include <stdlib.h>

#include <cstring>

#include "runtime/loader_functions.h"

namespace runtime = weir::runtime;

extern "C" {
// The exports, as no other library's of their names can hide them.
[[gnu::visibility("hidden")]] void* weir_export_dlsym(void*, const char*);
[[gnu::visibility("hidden")]] void* weir_export_dlvsym(void*, const char*, const char*);
[[gnu::visibility("hidden")]] decltype(free) weir_export_free;
[[gnu::visibility("hidden")]] decltype(realloc) weir_export_realloc;
[[gnu::visibility("hidden")]] decltype(reallocarray) weir_export_reallocarray;
[[gnu::visibility("hidden")]] decltype(malloc_usable_size) weir_export_malloc_usable_size;
}

namespace {

struct TakesBlock {
  const char* name;
  void* own;
};
#define WEIR_TAKES_BLOCK(name) \
  { #name, reinterpret_cast < void*>(&weir_export_##name) }
const TakesBlock functions_that_take_blocks[] = {WEIR_TAKES_BLOCK(free), WEIR_TAKES_BLOCK(realloc),
                                                 WEIR_TAKES_BLOCK(reallocarray), WEIR_TAKES_BLOCK(malloc_usable_size)};

}  // namespace

extern "C" {
[[gnu::visibility("hidden"), gnu::used]] void* weir_symbol_instead(void* handle, const char* name, const void* caller) {
  for (const TakesBlock& function : functions_that_take_blocks) {
    if (strcmp(name, function.name) == 0)
      return runtime::finds_libcs(handle, name, caller) ? function.own : nullptr;  // guard: libcs-handle
  }
  return runtime::symbol_instead(handle, name, caller);
}
[[gnu::visibility("hidden"), gnu::used]] void* weir_look_up_instead(void*, const char* name, const void* caller) {
  return runtime::own_look_up_instead(
      name, caller, {reinterpret_cast<void*>(&weir_export_dlsym), reinterpret_cast<void*>(&weir_export_dlvsym)});
}
[[gnu::visibility("hidden"), gnu::used]] void weir_find_loader_functions() { runtime::find_loader_functions(); }
}

#define WEIR_SAVE_ARGUMENTS                 \
  "push %rdi\n.cfi_adjust_cfa_offset 8\n"   \
  "  push %rsi\n.cfi_adjust_cfa_offset 8\n" \
  "  push %rdx\n.cfi_adjust_cfa_offset 8\n"
#define WEIR_RESTORE_ARGUMENTS              \
  "  pop %rdx\n.cfi_adjust_cfa_offset -8\n" \
  "  pop %rsi\n.cfi_adjust_cfa_offset -8\n" \
  "  pop %rdi\n.cfi_adjust_cfa_offset -8\n"

// By a name's first two letters.
#define WEIR_IF_BEGINS(first, second) \
  "  cmpb $'" first                   \
  "', (%rsi)\n"                       \
  "  jne 1f\n"                        \
  "  cmpb $'" second                  \
  "', 1(%rsi)\n"                      \
  "  je 3f\n"                         \
  "1:\n"

// On entry: rdi the handle, rsi the name, rdx the version or anything, the caller's address on the stack.
#define WEIR_LOOK_UP(name, if_to_ask, instead, next)                                                    \
  ".globl " name                                                                                        \
  "\n"                                                                                                  \
  ".type " name ", @function\n" name ":\nweir_export_" name                                             \
  ":\n.cfi_startproc\n"                                                                                 \
  "  test %rsi, %rsi\n"                                                                                 \
  "  jz 2f\n" if_to_ask "2: mov " next                                                                  \
  "(%rip), %rax\n"                                                                                      \
  "  test %rax, %rax\n"                                                                                 \
  "  jz 4f\n"                                                                                           \
  "  jmp *%rax\n"                                                                                       \
  "3: " WEIR_SAVE_ARGUMENTS                                                                             \
  "  mov 24(%rsp), %rdx\n"                                                                              \
  "  call " instead "\n" WEIR_RESTORE_ARGUMENTS                                                         \
  "  test %rax, %rax\n"                                                                                 \
  "  jz 2b\n"                                                                                           \
  "  cmp $1, %rax\n" /* kNoSuchSymbol */                                                                \
  "  jne 5f\n"                                                                                          \
  "  xor %eax, %eax\n"                                                                                  \
  "5: ret\n"                                                                                            \
  "4: " WEIR_SAVE_ARGUMENTS "  call weir_find_loader_functions\n" WEIR_RESTORE_ARGUMENTS "  jmp *" next \
  "(%rip)\n"                                                                                            \
  ".cfi_endproc\n.size " name ", . - " name "\n"

#define WEIR_IF_DRIVERS_OR_TAKES_BLOCK \
  WEIR_IF_BEGINS("c", "u") WEIR_IF_BEGINS("f", "r") WEIR_IF_BEGINS("r", "e") WEIR_IF_BEGINS("m", "a")

asm(".text\n" WEIR_LOOK_UP("dlsym", WEIR_IF_DRIVERS_OR_TAKES_BLOCK, "weir_symbol_instead", "weir_next_dlsym")
        WEIR_LOOK_UP("dlvsym", WEIR_IF_BEGINS("d", "l"), "weir_look_up_instead", "weir_next_dlvsym"));

// The driver's functions under their own names: each a jump to its wrapper, so that the wrapper finds the program's frame where it would
// without Weir, and no signature is needed here.
#include "runtime/device_events.h"

// NOLINTBEGIN: assembly
#define WEIR_CUDA_ENTRY(name, handler, signature)      \
  ".globl " #name                                      \
  "\n"                                                 \
  ".type " #name                                       \
  ", @function\n"                                      \
  ".balign 8\n" #name                                  \
  ":\n"                                                \
  "weir_export_" #name                                 \
  ":\n.cfi_startproc\n"                                \
  "  jmp *weir_cuda_export_hooks + 8 * number(%rip)\n" \
  ".cfi_endproc\n.size " #name ", . - " #name          \
  "\n"                                                 \
  ".set number, number + 1\n"
asm(".text\n.set number, 0\n"
#include "cuda/entry_points.def"
);
#undef WEIR_CUDA_ENTRY

// Their addresses by the list's order, through labels that no other library's symbol can take the place of.
#define WEIR_CUDA_ENTRY(name, handler, signature) ".quad weir_export_" #name "\n"
asm(".section .data.rel.ro.weir_cuda_exports, \"aw\"\n.balign 8\n.hidden weir_cuda_exports\nweir_cuda_exports:\n"
#include "cuda/entry_points.def"
    ".text\n");
#undef WEIR_CUDA_ENTRY
// NOLINTEND

extern "C" [[gnu::visibility("hidden")]] void* const weir_cuda_exports[];

namespace {

__attribute__((constructor(101))) void start() { weir::runtime::know_exports_of_driver(weir_cuda_exports); }

}  // namespace

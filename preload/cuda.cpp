// The driver's functions under their own names: each a jump to its wrapper, so that the wrapper finds the program's frame where it would
// without Weir, and no signature is needed here. They lie one behind the other, cuda::kExportBytes (16) each.
#include "cuda/entry_points.h"
#include "runtime/device_events.h"

// NOLINTBEGIN: assembly
#define WEIR_CUDA_ENTRY(name, handler, signature)       \
  ".org weir_cuda_first_export + 16 * number\n"         \
  ".globl weir_export_" #name                           \
  "\n"                                                  \
  ".type weir_export_" #name                            \
  ", @function\n"                                       \
  ".symver weir_export_" #name ", " #name               \
  "@WEIR_REFERENCES\n" /* make_exports_map.sh */        \
  "weir_export_" #name                                  \
  ":\n.cfi_startproc\n"                                 \
  "  jmp *weir_cuda_export_hooks + 8 * number(%rip)\n"  \
  ".cfi_endproc\n"                                      \
  ".size weir_export_" #name ", . - weir_export_" #name \
  "\n"                                                  \
  ".set number, number + 1\n"
static_assert(weir::cuda::kExportBytes == 16 && sizeof(void*) == 8);
asm(".section .text.weir_cuda, \"ax\", @progbits\n"
    ".set number, 0\n"
    ".balign 16\n"
    ".hidden weir_cuda_first_export\n"
    ".globl weir_cuda_first_export\n"
    "weir_cuda_first_export:\n"
#include "cuda/entry_points.def"
    ".text\n");
#undef WEIR_CUDA_ENTRY
// NOLINTEND

extern "C" [[gnu::visibility("hidden")]] const char weir_cuda_first_export[];

namespace {

__attribute__((constructor(101))) void start() { weir::runtime::know_exports_of_driver(weir_cuda_first_export); }

}  // namespace

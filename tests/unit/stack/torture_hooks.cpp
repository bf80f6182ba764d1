// Hooks of malloc and free for the capture torture: every allocation is captured and compared with libunwind, without
// the rest of Weir. Exits with 1 on a mismatch or too few comparisons.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "core/guard.h"
#include "stack/capture.h"
#include "stack/stack_table.h"

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void __libc_free(void*);
}

namespace {

using weir::core::Guard;

bool configured;
thread_local weir::stack::LastStack* last_stack;

void capture_here(const weir::stack::Registers& caller) {
  Guard guard;
  if (!guard.entered()) return;
  if (!configured) {
    configured = true;
    weir::stack::CaptureSettings settings;
    settings.compare_with_libunwind = getenv("TORTURE_NO_COMPARE") == nullptr;
    weir::stack::configure_capture(settings);
  }
  if (last_stack == nullptr) last_stack = weir::stack::create_last_stack();
  weir::stack::capture(guard.token(), *last_stack, caller);
}

struct Verdict {
  ~Verdict() {
    const weir::stack::CaptureCounters c = weir::stack::capture_counters();
    fprintf(stderr,
            "captures %lu same %lu spliced %lu walked %lu full_unwinds %lu truncated %lu rules_built %lu compared %lu "
            "compared_spliced %lu mismatches %lu stacks %u table %zu\n",
            c.captures, c.same, c.spliced, c.walked, c.full_unwinds, c.truncated, c.rules_built, c.compared,
            c.compared_spliced, c.mismatches, weir::stack::stack_count(),
            weir::stack::stack_table_figures().tree_bytes);
    constexpr unsigned long kLeastCompared = 1'000'000;
    const bool enough = c.compared == 0 || (c.compared >= kLeastCompared && c.compared_spliced >= kLeastCompared / 2);
    if (c.mismatches != 0 || !enough) _exit(1);
  }
} verdict;

}  // namespace

extern "C" {

void* malloc(size_t bytes) {
  capture_here(WEIR_CALLER_REGISTERS());
  return __libc_malloc(bytes);
}

void* calloc(size_t count, size_t bytes) {
  capture_here(WEIR_CALLER_REGISTERS());
  return __libc_calloc(count, bytes);
}

void* realloc(void* block, size_t bytes) {
  capture_here(WEIR_CALLER_REGISTERS());
  return __libc_realloc(block, bytes);
}

void free(void* block) {
  weir::stack::notice_free(reinterpret_cast<uintptr_t>(__builtin_return_address(0)), block);
  __libc_free(block);
}

}  // extern "C"

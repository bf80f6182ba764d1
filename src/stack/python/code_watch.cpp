#include "stack/python/code_watch.h"

#include "stack/module_table.h"
#include "stack/python/marked_set.h"

namespace weir::stack::python {
namespace {

MarkedSet watched;  // blocks

}  // namespace

std::atomic<uint32_t> code_generation{1};

bool watch_code(uintptr_t code, BlockFinder find_block) {
  uintptr_t start = 0, end = 0;
  if (find_module_range(code, &start, &end)) return true;  // frozen into the executable
  const uintptr_t block = find_block != nullptr ? find_block(code) : 0;
  return block != 0 && watched.insert(block);
}

void notice_freed_block(uintptr_t address) {
  if (!watched.contains(address)) [[likely]]
    return;
  if (watched.take(address)) code_generation.fetch_add(1, std::memory_order_acq_rel);  // guard: python-code-freed
}

void code_watch_reset_after_fork() { watched.reset_after_fork(); }

}  // namespace weir::stack::python

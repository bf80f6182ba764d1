#include "stack/full_walk.h"

#include "stack/module_registry.h"
#include "stack/rule_cache.h"

namespace weir::stack {
namespace {

struct Collected {
  ThreadStack& last;
  uint32_t count = 0;
  bool cut = false;
};

bool collect_frame(void* context, uintptr_t ip, uintptr_t sp, bool exact) {
  auto* collected = static_cast<Collected*>(context);
  ThreadStack& last = collected->last;
  if (collected->count >= capture_settings.max_depth || !ensure_capacity(last, collected->count + 1)) {
    collected->cut = true;
    return false;
  }
  LoadedModule module;
  WalkedFrame& frame = last.walked[collected->count++];
  const bool known = plausible_code(ip) && find_loaded_module(exact ? ip : ip - 1, &module);
  frame.sp = sp;
  frame.key = frame_key(ip, known ? register_module(module) : core::ModuleId::none, exact);
  return true;
}

}  // namespace

FullWalk walk_by_libunwind(ThreadStack& last, const Registers& caller) {
  Collected collected{last};
  const UnwindEnd end = full_unwind(caller, collect_frame, &collected);
  return {collected.count, end};
}

}  // namespace weir::stack

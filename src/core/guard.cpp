#include "core/guard.h"

#include <signal.h>

#include "core/confinement.h"
#include "core/system_call.h"

namespace weir::core {
namespace {

bool on_alternate_stack() {
  stack_t present{};
  return failed(system_call(SYS_sigaltstack, 0, as_argument(&present))) || (present.ss_flags & SS_ONSTACK) != 0;
}

}  // namespace

bool is_mark_abandoned(uintptr_t stack_pointer) {
  if (thread_slot.inside == 0 && !PlainGuard::is_marked()) return true;  // a handler took it over just now, and left
  const uintptr_t marked_at = thread_slot.inside != 0 ? thread_slot.inside : PlainGuard::stack_pointer_of_mark();
  if (stack_pointer < marked_at || thread_slot.locks_held != 0) return false;
  return !system_calls_restricted() && !on_alternate_stack();
}

}  // namespace weir::core

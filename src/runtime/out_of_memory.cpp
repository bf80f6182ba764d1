#include "runtime/out_of_memory.h"

#include "core/clock.h"
#include "options/options.h"
#include "stack/python_frames.h"
#include "stack/stack_table.h"
#include "track/out_of_memory.h"

namespace weir::runtime {

void note_out_of_memory(const core::Inside& inside, ThreadState& thread, const stack::Registers& caller,
                        const Request& request) {
  if (!options::current().oom_report) return;
  track::RefusedRequest refused{request.bytes, request.family, core::StackId::unknown, thread.counters->id,
                                core::current_tick()};
  if (thread.last_stack != nullptr) refused.stack = stack::capture_all(inside, *thread.last_stack, caller);
  track::record_out_of_memory(refused, stack::stack_count());
}

void out_of_memory_reset_after_fork() { track::out_of_memory_reset_after_fork(); }

}  // namespace weir::runtime

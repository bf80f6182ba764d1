#include "leak/caller_frame.h"

#include <stdlib.h>
#include <ucontext.h>

#include <iterator>

#include "core/own_image.h"
#include "core/thread_slot.h"
#include "leak/parking.h"
#include "stack/full_unwind.h"

namespace weir::leak {
namespace {

// What a function had just computed is in its registers alone, or below its stack pointer.
CallerFrame frame_of(const ucontext_t& context) {
  constexpr uintptr_t kRedZone = 128;
  const mcontext_t& machine = context.uc_mcontext;
  CallerFrame frame;
  frame.stack_pointer = static_cast<uintptr_t>(machine.gregs[REG_RSP]) - kRedZone;
  frame.register_count = std::size(frame.registers);  // guard: interrupted-frame
  for (size_t i = 0; i < frame.register_count; ++i) frame.registers[i] = static_cast<uint64_t>(machine.gregs[i]);
  frame.extended = machine.fpregs;
  frame.extended_bytes = machine.fpregs == nullptr ? 0 : extended_bytes_of(machine.fpregs);
  return frame;
}

}  // namespace

CallerFrame find_caller_frame() {
  if (core::thread_slot.interrupted != nullptr) {
    return frame_of(*static_cast<const ucontext_t*>(core::thread_slot.interrupted));
  }
  stack::ProgramFrame found;
  const auto exit_function = reinterpret_cast<uintptr_t>(&exit);
  if (!stack::find_program_frame(core::own_image_start(), core::own_image_end(), exit_function, &found)) return {};
  CallerFrame frame;
  frame.stack_pointer = found.sp;
  frame.register_count = std::size(found.registers);
  for (size_t i = 0; i < frame.register_count; ++i) frame.registers[i] = found.registers[i];
  return frame;
}

}  // namespace weir::leak

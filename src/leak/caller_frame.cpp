#include "leak/caller_frame.h"

#include <stdlib.h>

#include <iterator>

#include "core/own_image.h"
#include "stack/full_unwind.h"

namespace weir::leak {

CallerFrame find_caller_frame() {
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

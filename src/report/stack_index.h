// Numbers for the stacks, frames and modules that a report refers to: dense, in order of first reference, so that only
// what is referred to is written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ids.h"
#include "core/scratch.h"
#include "report/json_stream.h"
#include "stack/stack_table.h"

namespace weir::report {

class StackIndex {
 public:
  // The report's number of a stack; any stack that is asked for will be written.
  uint32_t number_of(core::StackId stack);

  // The three tables, in this order, once every reference has been written.
  void write_stacks(JsonStream& json);
  void write_frames(JsonStream& json);
  void write_modules(JsonStream& json);

  // A number given after memory ran out is wrong: the report must then be thrown away.
  bool out_of_memory() const { return out_of_memory_; }

 private:
  // Address, module and exactness in one word, as in the stack table's nodes.
  enum class FrameKey : uint64_t {};
  static FrameKey key_of(const stack::StackFrame& frame);

  void write_stack(JsonStream& json, core::StackId stack);
  void write_frame(JsonStream& json, FrameKey key);
  uint32_t frame_number_of(FrameKey key);
  uint32_t module_number_of(core::ModuleId module);
  bool grow_slots();
  size_t slot_of(FrameKey key) const;

  bool out_of_memory_ = false;
  core::ScratchArray<uint32_t> number_of_stack_;   // by stack id: number + 1, 0 where not referred to
  core::ScratchArray<core::StackId> stacks_;       // by number
  core::ScratchArray<stack::StackFrame> buffer_;   // one stack's frames
  core::ScratchArray<uint32_t> slots_;             // hash of frames: number + 1, 0 where free
  core::ScratchArray<FrameKey> frames_;            // by number
  core::ScratchArray<uint32_t> number_of_module_;  // by module id: number + 1
  core::ScratchArray<core::ModuleId> modules_;     // by number
};

}  // namespace weir::report

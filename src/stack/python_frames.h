// Python frames in stacks (docs/python.md): with WEIR_PYTHON=on a stack has, in the place of each call of CPython's interpreter, the Python
// functions that this call ran. They are frames like others, of a module of their own.
#pragma once

#include <cstdint>

#include "stack/capture.h"
#include "stack/stack_table.h"

namespace weir::stack {

// No module's: that of Python frames. Their `ip` is a number, no address.
inline constexpr core::ModuleId kPythonModule{0xffff};

inline bool is_python(const StackFrame& frame) { return frame.module == kPythonModule; }

// Texts live as long as the process.
struct PythonFrame {
  const char* function;  // its qualified name, as UTF-8
  const char* file;
  uint32_t line;  // 0: its instruction has none
};
// False where it is no Python frame. Any thread, any time.
bool python_frame(const StackFrame& frame, PythonFrame* result);

// Has captures look for Python frames. Before the first capture. find_block: see python/code_watch.h.
void show_python_frames(uintptr_t (*find_block)(uintptr_t address));

namespace detail {
extern bool shows_python_frames;
core::StackId with_python_frames(LastStack& last, const Registers& caller, core::StackId native);
void notice_release(uintptr_t address);
}  // namespace detail

// The stack that `caller` begins with the Python frames of the calling thread, where they are wanted and it has any; else as capture().
// No lock of the program's is taken, nothing of it is run, nothing allocated but for Weir's own tables.
inline core::StackId capture_all(const core::Inside& inside, LastStack& last, const Registers& caller) {
  const core::StackId native = capture(inside, last, caller);
  return detail::shows_python_frames ? detail::with_python_frames(last, caller, native) : native;
}

// By each hook that gives memory back, before it does: a block by its address, mappings by 0.
inline void notice_release(uintptr_t address) {
  if (detail::shows_python_frames) [[unlikely]]
    detail::notice_release(address);
}

// For the report; what was done is in CaptureCounters.
struct PythonFacts {
  bool wanted;
  uint32_t version;     // of the process's CPython, as PY_VERSION_HEX; 0: none was seen; 3.0: one before 3.11
  const char* problem;  // why its frames are not read; nullptr where they are
};
PythonFacts python_facts();

void python_frames_reset_after_fork();

}  // namespace weir::stack

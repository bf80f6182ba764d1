// Where CPython keeps what a thread's Python frames are read from: the offsets of fields in its structures, by version. Inside
// src/stack only.
//
// From the headers that CPython installs (Include/internal/pycore_frame.h, from 3.14 on pycore_interpframe_structs.h; cpython/code.h,
// pystate.h, unicodeobject.h). They are the same in all releases of one minor version. From 3.13 on the process itself names most of them
// (_Py_DebugOffsets at the start of _PyRuntime), and must agree.
#pragma once

#include <cstdint>

namespace weir::stack::python {

// In bytes. What is 0 a version does not have.
struct Layout {
  uint32_t minor;  // of version 3
  // Of PyThreadState: the pointer to the _PyCFrame of the innermost call of the interpreter, or, where there are none, to the innermost frame.
  uint16_t thread_frame;
  bool has_cframes;
  // Of _PyCFrame, which lies in the native frame of its call.
  uint16_t cframe_frame, cframe_previous;
  // Of _PyInterpreterFrame. The instruction is the one at work, or before it one of the same line.
  uint16_t frame_code, frame_previous, frame_instruction, frame_owner;
  uint16_t
      frame_is_entry;  // 3.11: whether a call of the interpreter began with this frame. Later ones have a frame of its own for that
  // Of PyCodeObject. `units`: the first instruction.
  uint16_t code_first_line, code_file, code_name, code_lines, code_first_traceable, code_units;
  // Where the characters of a compact string begin: of ASCII ones and of others.
  uint16_t ascii_characters, other_characters;
  // Of _PyRuntime: the state of the thread that ends the interpreter, once one does.
  uint16_t runtime_finalizing;
  // In words of _Py_DebugOffsets: the offset that it names of current_frame, previous (of a frame), filename (of code). The others stand
  // in the same order in all versions.
  uint16_t named_thread, named_frame, named_code;
};

// Of all versions.
inline constexpr uint16_t kObjectType = 8, kObjectSize = 16;
inline constexpr uint16_t kStringLength = 16, kStringState = 32, kBytesContent = 32;

// The owner of a frame that belongs to a generator; and from which on frames only mark where a call of the interpreter began.
inline constexpr uint8_t kOwnedByGenerator = 1, kFirstMarkingOwner = 3;

// nullptr where the version is not known. `version`: Py_Version, as PY_VERSION_HEX.
const Layout* layout_of(uint32_t version);

// Whether what the process says of itself at _PyRuntime agrees, or says nothing before 3.13. False for a free-threaded build.
bool agrees_with_runtime(const Layout&, const void* py_runtime);

}  // namespace weir::stack::python

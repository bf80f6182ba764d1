// The process's CPython, where it has one that Weir knows. Inside src/stack only.
#pragma once

#include <cstdint>

#include "core/ids.h"
#include "stack/python/layout.h"

namespace weir::stack::python {

// What was found of it, once; nothing of it changes while it is in use.
struct Interpreter {
  const Layout* layout;
  core::ModuleId module;
  // Its functions, as a thread may call them at any time, in signal handlers too: none takes a lock or allocates.
  void* (*state_of_this_thread)();  // PyGILState_GetThisThreadState: nullptr where the thread has none
  void* (*attached_state)();  // PyThreadState_GetUnchecked: the state of this or (3.11) any thread that holds the GIL
  const void* runtime;        // _PyRuntime
  uintptr_t code_type, string_type, bytes_type;
};

// The state of the thread that ends the interpreter; 0: none does. Cost: a load.
uintptr_t finalizing_state(const Interpreter&);

// nullptr: none was found so far, or it is not one that is known. Cost: one load.
const Interpreter* interpreter();

// Looks at the modules that were registered since the last time. By a thread that is about to use interpreter().
void look_for_interpreter();

// A module was closed: what lay in it is not to be used any more.
void forget_interpreter_in(core::ModuleId);

// For the report. The version found, as PY_VERSION_HEX, 0: none; and why its frames are not read, nullptr where they are.
uint32_t found_version();
const char* reason_against();

void interpreter_reset_after_fork();

}  // namespace weir::stack::python

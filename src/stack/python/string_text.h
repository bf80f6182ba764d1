// CPython's strings as UTF-8. Inside src/stack only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stack/python/layout.h"

namespace weir::stack::python {

// Writes the string object's text, cut where it does not fit, and returns its bytes; 0 where it is not of the compact form that the
// names of code have. No final 0. `object` must be a string (PyUnicode_Type). A surrogate that stands alone becomes U+FFFD.
size_t text_of_string(const Layout&, uintptr_t object, char* to, size_t room);

}  // namespace weir::stack::python

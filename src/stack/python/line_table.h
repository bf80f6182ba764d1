// CPython's table from instructions to source lines (co_linetable), in the format that is documented since 3.11: Objects/locations.md,
// later InternalDocs/code_objects.md. Inside src/stack only.
//
// Not by CPython's own PyCode_Addr2Line: that one follows further pointers of the code object from 3.12 on, trusts the table, and is
// code of the program's, which another library may replace. This one reads the table and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::stack::python {

// The line of the instruction at `unit` (two bytes each) of the code whose first line is given; 0 where it has none. Reads nothing outside
// the table, whatever is in it. Cost: a few instructions for each entry before it.
uint32_t line_at(std::span<const uint8_t> table, int64_t first_line, size_t unit);

}  // namespace weir::stack::python

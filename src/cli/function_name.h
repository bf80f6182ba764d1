// What a demangled name is made of.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::cli {

// Where the operator's own characters end, so that the '<' of "operator<<" opens no template arguments; `at` itself where none begins.
size_t skip_operator(std::string_view name, size_t at);

// The function without what another build of the same source may name otherwise: its return type, its parameters (a function with debug
// information may have none), and the mark of a compiler's copy, as of "grow(int) [clone .isra.0]" or "grow.part.0".
std::string function_without_build(std::string_view name);

// "pool<int>::grow(list<int>)" -> "pool<...>::grow(list<...>)" for "<...>" instead of them.
std::string without_template_arguments(std::string_view name, std::string_view instead);

}  // namespace weir::cli

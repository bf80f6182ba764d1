// Where an address lies in the source.
#pragma once

#include <string>
#include <vector>

namespace weir::symbolize {

struct SourcePosition {
  std::string function;  // demangled; empty: not known
  std::string file;      // as the compiler knew it, made absolute; empty: not known
  unsigned line = 0;     // 0: not known
};

// `inlined` holds the calls that the compiler inlined at this address, innermost first; each position's line is where that
// function was executing. `frame` is the function that has a stack frame, at the line of the outermost inlined call.
struct Location {
  SourcePosition frame;
  std::vector<SourcePosition> inlined;
};

}  // namespace weir::symbolize

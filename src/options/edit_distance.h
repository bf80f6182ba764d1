// How far a misspelt name is from a known one.
#pragma once

#include <cstddef>
#include <cstring>

#include "options/parse.h"

namespace weir::options {

inline constexpr size_t kLongestName = 64;

// How many insertions, removals and replacements turn one name into the other; names are cut at kLongestName.
inline size_t edit_distance(parse::Piece from, const char* to) {
  size_t row[kLongestName + 1];
  const size_t columns = strlen(to) < kLongestName ? strlen(to) : kLongestName;
  for (size_t column = 0; column <= columns; ++column) row[column] = column;
  for (size_t i = 0; i < from.length() && i < kLongestName; ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t column = 1; column <= columns; ++column) {
      const size_t above = row[column];
      const size_t replaced = diagonal + (from.begin[i] == to[column - 1] ? 0 : 1);
      const size_t moved = (above < row[column - 1] ? above : row[column - 1]) + 1;
      row[column] = replaced < moved ? replaced : moved;
      diagonal = above;
    }
  }
  return row[columns];
}

}  // namespace weir::options

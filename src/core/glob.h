// Shell-style patterns: * any text, ? one byte, [a-z] and [!a-z] one byte of a set, \x the byte x itself.
#pragma once

namespace weir::core {

// Whether the whole of `text` matches. No heap, no recursion; cost at worst length(pattern) * length(text).
bool glob_match(const char* pattern, const char* text);

}  // namespace weir::core

#include "core/glob.h"

namespace weir::core {
namespace {

// Matches one byte against the set whose first byte after '[' is *pattern. Returns the place after the set's ']', or
// nullptr for a set without an end, which then stands for itself.
const char* match_set(const char* pattern, char c, bool* matched) {
  const bool negated = *pattern == '!' || *pattern == '^';
  if (negated) ++pattern;
  bool found = false;
  for (const char* first = pattern; *pattern != ']' || pattern == first;) {
    if (*pattern == '\0') return nullptr;
    const char low = *pattern++;
    char high = low;
    if (pattern[0] == '-' && pattern[1] != ']' && pattern[1] != '\0') {
      high = pattern[1];
      pattern += 2;
    }
    found = found || (low <= c && c <= high);
  }
  *matched = found != negated;
  return pattern + 1;
}

// Matches one byte against the pattern's first element, which is not *. Returns the place after the element, or
// nullptr.
const char* match_one(const char* pattern, char c) {
  switch (*pattern) {
    case '\0':
      return nullptr;
    case '?':
      return pattern + 1;
    case '[': {
      bool matched = false;
      const char* end = match_set(pattern + 1, c, &matched);
      if (end != nullptr) return matched ? end : nullptr;
      break;
    }
    case '\\':
      if (pattern[1] != '\0') ++pattern;
      break;
    default:
      break;
  }
  return *pattern == c ? pattern + 1 : nullptr;
}

}  // namespace

bool glob_match(const char* pattern, const char* text) {
  const char* after_star = nullptr;  // where to go on when what follows the last * does not match here
  const char* star_text = nullptr;
  while (*text != '\0') {
    if (*pattern == '*') {
      after_star = ++pattern;
      star_text = text;
    } else if (const char* next = match_one(pattern, *text)) {
      pattern = next;
      ++text;
    } else if (after_star != nullptr) {
      pattern = after_star;
      text = ++star_text;
    } else {
      return false;
    }
  }
  while (*pattern == '*') ++pattern;
  return *pattern == '\0';
}

}  // namespace weir::core

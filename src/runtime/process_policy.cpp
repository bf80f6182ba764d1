#include "runtime/process_policy.h"

#include <cstddef>
#include <cstring>

#include "options/options.h"
#include "runtime/process.h"

namespace weir::runtime {
namespace {

// One set, `at` just after its '['. Returns the character after the closing ']', or nullptr where there is none.
const char* match_set(const char* at, char c, bool* matched) {
  const bool negated = *at == '!' || *at == '^';
  if (negated) ++at;
  bool found = false;
  for (bool first = true; *at != ']' || first; first = false) {
    if (*at == '\0') return nullptr;
    const bool is_range = at[1] == '-' && at[2] != ']' && at[2] != '\0';
    const char last = is_range ? at[2] : *at;
    found = found || (*at <= c && c <= last);
    at += is_range ? 3 : 1;
  }
  *matched = found != negated;
  return at + 1;
}

// Matches one pattern element that is not '*' against c; advances the pattern.
bool match_one(const char** pattern, char c) {
  const char* at = *pattern;
  if (c == '\0' || *at == '\0') return false;
  if (*at == '[') {
    bool matched = false;
    if (const char* after = match_set(at + 1, c, &matched)) {
      *pattern = after;
      return matched;
    }
  }
  if (*at == '\\' && at[1] != '\0') ++at;
  else if (*at == '?') c = '?';
  *pattern = at + 1;
  return *at == c;
}

const char* base_name(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

bool name_chosen(const options::Options& chosen) {
  const char* name = base_name(facts().exe);
  if (chosen.only[0] != '\0' && !matches_glob(chosen.only, name)) return false;
  return chosen.exclude[0] == '\0' || !matches_glob(chosen.exclude, name);
}

}  // namespace

bool matches_glob(const char* pattern, const char* name) {
  const char* star = nullptr;  // the last '*' met, and where in the name it stopped taking
  const char* star_name = nullptr;
  while (*name != '\0' || *pattern != '\0') {
    if (*pattern == '*') {
      star = ++pattern;
      star_name = name;
    } else if (!match_one(&pattern, *name)) {
      if (star == nullptr || *star_name == '\0') return false;
      pattern = star;
      name = ++star_name;
    } else {
      ++name;
    }
  }
  return true;
}

bool report_wanted() {
  const options::Options& chosen = options::current();
  if (facts().is_forked && !chosen.follow) return false;
  return name_chosen(chosen);
}

}  // namespace weir::runtime

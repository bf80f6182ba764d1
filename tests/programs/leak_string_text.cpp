// Only what c_str() gave is left of two strings: the long text is a block of its own, the short one is inside the string: definite 1 x 32, reachable 1 x 101, possible 1 x 32.
#include <string>

#include "leak.h"

static const char* volatile long_text;
static const char* volatile short_text;

OWN_FRAME std::string* leak_string_of_long_text() {
  // The string's own block is this function's; its text is allocated elsewhere.
  return new std::string;
}

OWN_FRAME void keep_text(std::string* string) {
  string->assign(100, 'x');
  long_text = string->c_str();
}

OWN_FRAME void maybe_short() { short_text = (new std::string("short"))->c_str(); }

int main() {
  keep_text(leak_string_of_long_text());
  maybe_short();
  scrub();
}

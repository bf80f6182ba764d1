// Texts of the strings of libstdc++'s former interface, which point behind a header of their block: reachable 1 x 125, definite 1 x 8, indirect 1 x 126.
// Flags: -D_GLIBCXX_USE_CXX11_ABI=0
#include <new>
#include <string>

#include "leak.h"

// Never destroyed: the text would be given back.
alignas(std::string) static char place[sizeof(std::string)];

OWN_FRAME void keep_text() {
  use(place);
  (new (place) std::string)->assign(100, 'x');
  use(place);
}

OWN_FRAME void leak_string() { use(new std::string(101, 'x')); }

int main() {
  keep_text();
  leak_string();
  scrub();
}

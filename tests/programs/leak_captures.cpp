// What a std::function, a std::any and a std::variant own, held and lost: reachable 5 x 56, definite 3 x 64, indirect 3 x 56.
// Of each there is one in the program's data, which holds, and one in a lost block of 64 bytes.
#include <any>
#include <array>
#include <functional>
#include <memory>
#include <new>
#include <variant>

#include "leak.h"

struct Large {
  long values[7];
};

// Room for an object that is never destroyed.
template <class T>
struct Kept {
  alignas(T) char place[sizeof(T)];
  T& make() {
    use(place);
    return *new (place) T;
  }
};

using Callback = std::function<long()>;
using Choice = std::variant<long, std::shared_ptr<Large>, Large*>;

static Kept<Callback> callback;
static Kept<std::any> any;
static Kept<Choice> choice;
static Kept<Callback> pointing;
static Kept<std::array<Callback, 2>> callbacks;

static Callback capture() {
  Large large{};
  return [large] { return large.values[3]; };
}

OWN_FRAME void keep_function() { callback.make() = capture(); }
OWN_FRAME void keep_any() { any.make() = Large{}; }
OWN_FRAME void keep_variant() { choice.make() = new Large{}; }
OWN_FRAME void keep_pointer() {
  auto* large = new Large{};
  pointing.make() = [large] { return large->values[3]; };
}
OWN_FRAME void keep_second() { callbacks.make()[1] = capture(); }

struct Lost {
  Callback function;
  Large* rest[4];
};

OWN_FRAME void leak_function() {
  auto* lost = new Lost{};
  lost->function = capture();
  use(lost);
}

OWN_FRAME void leak_any() {
  auto* lost = new (calloc(1, 64)) std::any;
  *lost = Large{};
  use(lost);
}

OWN_FRAME void leak_variant() {
  auto* lost = new (calloc(1, 64)) Choice;
  *lost = new Large{};
  use(lost);
}

int main() {
  keep_function();
  keep_any();
  keep_variant();
  keep_pointer();
  keep_second();
  leak_function();
  leak_any();
  leak_variant();
  scrub();
}

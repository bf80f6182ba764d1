// Objects of shared_ptr that own each other, and one that owns itself: definite 1 x 40 + 1 x 24, indirect 1 x 40 + 1 x 24.
// LSan: calls a cycle of several blocks indirect: it has no leader there.
#include <memory>

#include "leak.h"

struct Peer {
  std::shared_ptr<Peer> peer;
  long value = 1;
};

// Its block and the one that counts its owners point to each other.
struct Self {
  std::shared_ptr<Self> self;
  long value = 2;
};

OWN_FRAME void leak_pair() {
  auto one = std::make_shared<Peer>();
  auto two = std::make_shared<Peer>();
  one->peer = two;
  two->peer = one;
}

OWN_FRAME void leak_self() {
  std::shared_ptr<Self> self(new Self);
  self->self = self;
}

int main() {
  leak_pair();
  leak_self();
  scrub();
}

// Lost blocks of the size of full vectors, between them: reachable 20 x 64, definite 20 x 64.
// Weir: reachable 40 x 64: a block that fills its place ends where the next begins, and a vector points to its end.
// LSan: takes the end of a block that fills its place for its neighbour, too.
#include <vector>

#include "leak.h"

static std::vector<long>* volatile held;

OWN_FRAME void keep_vector(std::vector<long>& vector) { vector.assign(8, 1); }
OWN_FRAME void leak_one() { use(block_of(64)); }

int main() {
  held = new std::vector<long>[20];
  for (int i = 0; i < 20; ++i) {
    keep_vector(held[i]);
    leak_one();
  }
  scrub();
}

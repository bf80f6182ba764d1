#include <cstring>

#include "core/arena.h"
#include "thread_stress.h"

namespace weir::stress {

// Pieces are zeroed, aligned and nobody else's.
void stress_arena() {
  in_threads([](int number) {
    const auto mark = static_cast<unsigned char>(number + 1);
    for (size_t round = 0; round < 3000; ++round) {
      const size_t bytes = 16 + (round * 37 + static_cast<size_t>(number)) % 5000;
      auto* piece = static_cast<unsigned char*>(core::arena_allocate(bytes));
      EXPECT(piece != nullptr && reinterpret_cast<uintptr_t>(piece) % 16 == 0);
      EXPECT(piece[0] == 0 && piece[bytes / 2] == 0 && piece[bytes - 1] == 0);
      std::memset(piece, mark, bytes);
      EXPECT(piece[bytes - 1] == mark);
      if (round % 3 != 0) core::arena_release(piece, bytes);
    }
  });
}

}  // namespace weir::stress

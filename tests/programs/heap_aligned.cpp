// Shows that aligned blocks of every alignment and size, empty ones too, are apart, aligned, and tracked one by one.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

struct Piece {
  unsigned char* at;
  size_t bytes;
  unsigned char mark;
};

int main() {
  std::vector<Piece> pieces;
  unsigned char mark = 1;
  for (int round = 0; round < 20; ++round) {
    for (size_t alignment = 16; alignment <= 65536; alignment *= 2) {
      for (size_t bytes : {0, 1, 15, 16, 17, 48, 100, 1000, 5000}) {
        auto* piece = static_cast<unsigned char*>(aligned_alloc(alignment, bytes));
        if (piece == nullptr || reinterpret_cast<uintptr_t>(piece) % alignment != 0) return 1;
        memset(piece, mark, bytes);
        pieces.push_back({piece, bytes, mark++});
        auto* plain = static_cast<unsigned char*>(malloc(bytes));
        memset(plain, mark, bytes);
        pieces.push_back({plain, bytes, mark++});
      }
    }
  }
  for (const Piece& piece : pieces) {
    for (size_t i = 0; i < piece.bytes; ++i) {
      if (piece.at[i] != piece.mark) return 2;
    }
  }
  for (const Piece& piece : pieces) free(piece.at);
  printf("%zu pieces\n", pieces.size());
  return 0;
}

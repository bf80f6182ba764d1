// Leaves blocks that only a table points to. Arguments: how many; "starts" or "middles", which is what the table holds of them.
#include <stdlib.h>
#include <string.h>

static char** table;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const size_t count = strtoul(argv[1], NULL, 10);
  const size_t offset = strcmp(argv[2], "middles") == 0 ? 8 : 0;
  table = malloc(count * sizeof *table);
  if (table == NULL) return 1;
  for (size_t i = 0; i < count; ++i) {
    char* block = malloc(16);
    if (block == NULL) return 1;
    table[i] = block + offset;
  }
  return 0;
}

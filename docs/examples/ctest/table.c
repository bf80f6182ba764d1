// A table of rows, and a program that opens and closes some. Without the marked line it loses the rows of each.
#include <stdlib.h>
#include <string.h>

struct Table {
  int* rows;
  int count;
};

static void table_open(struct Table* table, int count) {
  table->rows = malloc((size_t)count * sizeof *table->rows);
  if (table->rows == NULL) exit(2);
  memset(table->rows, 0, (size_t)count * sizeof *table->rows);
  table->count = count;
}

static void table_close(struct Table* table) {
  free(table->rows);  // the marked line
  memset(table, 0, sizeof *table);
}

int main(int argc, char** argv) {
  struct Table table;
  for (int i = 0; i < 100; ++i) {
    table_open(&table, argc > 1 ? atoi(argv[1]) : 10);
    table_close(&table);
  }
  return table.count;
}

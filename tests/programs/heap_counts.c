// Shows exact counts: argv[1] times, 3 allocations of which one is temporary, one lives on, one is freed late; a known peak.
#include <stdlib.h>

void* volatile sink;

int main(int argc, char** argv) {
  const int rounds = atoi(argv[1]);
  void** late = calloc(rounds + 1, sizeof *late);
  for (int i = 0; i < rounds; ++i) {
    sink = malloc(100);
    free(sink);
    sink = malloc(50);
    late[i] = malloc(200);
  }
  for (int i = 0; i < rounds; ++i) free(late[i]);
  free(late);
  return 0;
}

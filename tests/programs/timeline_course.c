// Shows: the timeline follows a known course: 32 MiB taken in half a second, held, given back in half a second, in small blocks; with
// "spike" 64 MiB more for a moment in the middle; prints the moments in ns, "began" by the clock since 1970, and by how much it was late.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STEPS = 50, BLOCKS_OF_A_STEP = 655, BLOCK_BYTES = 1024 };
static void* blocks[STEPS][BLOCKS_OF_A_STEP];

static unsigned long long latest_ns;

static unsigned long long now_by(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static unsigned long long now(void) { return now_by(CLOCK_MONOTONIC); }

// Without an allocation.
static void wait_until(unsigned long long ns) {
  struct timespec t = {ns / 1000000000ULL, ns % 1000000000ULL};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0) != 0) {
  }
  const unsigned long long late_ns = now() - ns;
  if (late_ns > latest_ns) latest_ns = late_ns;
}

int main(int argc, char** argv) {
  const unsigned long long step_ns = 10000000, start = now();
  unsigned long long moment = start;
  printf("began %llu\nstart %llu\n", now_by(CLOCK_REALTIME), start);
  for (int step = 0; step < STEPS; ++step) {
    for (int i = 0; i < BLOCKS_OF_A_STEP; ++i) blocks[step][i] = memset(malloc(BLOCK_BYTES), 1, BLOCK_BYTES);
    wait_until(moment += step_ns);
  }
  printf("grown %llu\n", now());
  wait_until(moment += 200000000);
  if (argc > 1 && strcmp(argv[1], "spike") == 0) {
    printf("spike %llu\n", now());
    char* spike = memset(malloc(64 << 20), 1, 64 << 20);
    printf("%s", spike[5] == 1 ? "" : "?");
    free(spike);
    printf("spiked %llu\n", now());
  }
  wait_until(moment += 200000000);
  printf("shrinking %llu\n", now());
  for (int step = 0; step < STEPS; ++step) {
    for (int i = 0; i < BLOCKS_OF_A_STEP; ++i) free(blocks[step][i]);
    wait_until(moment += step_ns);
  }
  printf("end %llu\nlate %llu\n", now(), latest_ns);
  return 0;
}

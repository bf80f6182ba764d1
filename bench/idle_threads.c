// idle_threads COUNT: prints the resident kB of this process while COUNT threads sleep after ten allocations each.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kAllocations = 10, kStackBytes = 65536 };

static pthread_barrier_t all_allocated, all_may_end;

static void* allocate_and_sleep(void* unused) {
  void* blocks[kAllocations];
  for (int i = 0; i < kAllocations; ++i) {
    const size_t bytes = 16U << (i % 5);
    blocks[i] = malloc(bytes);
    memset(blocks[i], i, bytes);
  }
  pthread_barrier_wait(&all_allocated);
  pthread_barrier_wait(&all_may_end);
  for (int i = 0; i < kAllocations; ++i) free(blocks[i]);
  return unused;
}

static long resident_kb(void) {
  char line[256];
  long kb = -1;
  FILE* status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status)) sscanf(line, "VmRSS: %ld", &kb);
  if (status) fclose(status);
  return kb;
}

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 0;
  pthread_t* threads = malloc(sizeof *threads * (size_t)count);
  pthread_barrier_init(&all_allocated, NULL, (unsigned)count + 1);
  pthread_barrier_init(&all_may_end, NULL, (unsigned)count + 1);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  for (int i = 0; i < count; ++i) {
    if (pthread_create(&threads[i], &attributes, allocate_and_sleep, NULL) != 0) return 1;
  }
  pthread_barrier_wait(&all_allocated);
  printf("%ld\n", resident_kb());
  pthread_barrier_wait(&all_may_end);
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  free(threads);
  return 0;
}

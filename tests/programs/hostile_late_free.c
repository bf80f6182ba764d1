// Ends thousands of threads for which the libc frees a block after their last destructors: what is kept of a thread goes with it.
#define _GNU_SOURCE
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kThreads = 6000 };

static locale_t locale;

static void* leave_text_to_libc(void* unused) {
  if (strlen(strerror_l(9999, locale)) == 0) abort();
  return unused;
}

static long resident_kilobytes(void) {
  long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) abort();
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void run_threads(int count) {
  for (int i = 0; i < count; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, leave_text_to_libc, NULL) != 0) abort();
    pthread_join(thread, NULL);
  }
}

int main(void) {
  locale = newlocale(LC_ALL_MASK, "C", NULL);
  run_threads(200);
  const long before = resident_kilobytes();
  run_threads(kThreads);
  const long grown = resident_kilobytes() - before;
  if (grown < kThreads) {
    puts("less than 1 KiB a thread");
  } else {
    printf("%ld KiB grown\n", grown);
  }
  freelocale(locale);
  return 3;
}

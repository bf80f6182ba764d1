// Shows that recording is switched for all threads at once: those that know that it is on or off allocate each kind of block, while others go on.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../include/weir/weir.h"

enum { kThreads = 4, kRounds = 25, kMostBlocks = 200000 };
enum Phase { kEither, kOn, kOff, kEnd };

static _Atomic int phase;
static _Atomic unsigned round_number;
static _Atomic unsigned seen_round[kThreads];
static _Atomic long on_count, off_count;

static void* volatile sink;

#define KIND(name) \
  __attribute__((noinline)) static void name(void) { sink = malloc(24); }
KIND(allocated_while_on)
KIND(allocated_while_off)

static void* work(void* number) {
  const long thread = (long)number;
  for (;;) {
    const unsigned round = round_number;
    const int present = phase;
    if (present == kEnd) return NULL;
    if (present == kOn && on_count < kMostBlocks) {
      ++on_count;
      allocated_while_on();
    } else if (present == kOff && off_count < kMostBlocks) {
      ++off_count;
      allocated_while_off();
    } else {
      free(malloc(24));
    }
    seen_round[thread] = round;
  }
}

// Every thread goes on allocating what does not matter, and none is still at what it did before.
static void let_all_do_either(void) {
  phase = kEither;
  const unsigned round = ++round_number;
  for (int i = 0; i < kThreads; ++i) {
    while (seen_round[i] != round) sched_yield();
  }
}

int main(void) {
  pthread_t threads[kThreads];
  for (long i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, work, (void*)i);
  for (int i = 0; i < kRounds; ++i) {
    let_all_do_either();
    weir_record_stop();
    phase = kOff;
    usleep(300);
    let_all_do_either();
    weir_record_start();
    phase = kOn;
    usleep(300);
  }
  phase = kEnd;
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  printf("on %ld off %d\n", on_count, off_count > 0);
  return 0;
}

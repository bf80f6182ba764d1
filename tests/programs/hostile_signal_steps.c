// A handler that allocates interrupts malloc, free, mmap, munmap and a thread's first and last steps before each instruction, by single
// steps of the CPU. It asks from deep in its stack and then from near the interrupted code, so that one meets what the other left.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static volatile long steps;

static void allocate(size_t bytes) {
  char* block = malloc(bytes);
  if (block == NULL) abort();
  memset(block, 1, bytes);
  munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
  free(block);
}

__attribute__((noinline)) static void allocate_deep(size_t bytes) {
  volatile char room[4096];
  room[0] = 1;
  allocate(bytes);
  room[4095] = 1;
}

static void on_step(int number) {
  ++steps;
  if (steps % 2 != 0) {
    allocate_deep(300);
  } else {
    allocate(40);
  }
}

// Below the red zone, where the compiler may keep what it likes.
static inline void begin_steps(void) {
  __asm__ volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tleaq 128(%%rsp), %%rsp" ::
                       : "memory", "cc");
}

static inline void end_steps(void) {
  __asm__ volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\tleaq 128(%%rsp), %%rsp" ::
                       : "memory", "cc");
}

static void work(int round) {
  char* small = malloc(24 + round * 40);
  char* large = malloc(20000);
  if (small == NULL || large == NULL) abort();
  small[0] = large[0] = 7;
  munmap(mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 8192);
  small = realloc(small, 400);
  if (small == NULL || small[0] != 7 || large[0] != 7) abort();
  free(large);
  free(small);
}

static pthread_key_t key;

// In each round of the thread's destructors, of which one ends what others keep of the thread.
static void step_through_destructors(void* value) {
  const long round = (long)value;
  if (round < 4) {
    pthread_setspecific(key, (void*)(round + 1));
  } else {
    end_steps();  // the C library blocks the signal soon
  }
}

static void* step_from_the_first_call(void* argument) {
  begin_steps();
  work(1);
  pthread_setspecific(key, (void*)1);
  return NULL;
}

static void work_in_a_thread(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, step_from_the_first_call, NULL) != 0) abort();
  pthread_join(thread, NULL);
}

int main(void) {
  if (pthread_key_create(&key, step_through_destructors) != 0) abort();
  signal(SIGTRAP, on_step);
  for (int round = 0; round < 5; ++round) {
    begin_steps();
    work(round);
    end_steps();
  }
  work_in_a_thread();
  char* volatile leak = malloc(54321);
  leak[0] = 1;
  printf("%s\n", steps > 10000 ? "stepped" : "too few steps");
  return 3;
}

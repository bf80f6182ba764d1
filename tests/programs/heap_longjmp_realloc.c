// Shows that a thread whose signal handler left a realloc by siglongjmp, at a page that the program protects, is known again at its next
// call, which is the program's argument: malloc, or malloc_usable_size of what is no block.
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kPage = 4096, kBytes = 75 * kPage };

static sigjmp_buf back;
static sem_t is_done;
static int asks;
static void* volatile latest;

static void leave(int signal) { siglongjmp(back, signal); }

static void* leave_realloc(void* unused) {
  char* block = memset(aligned_alloc(kPage, kBytes), 1, kBytes);
  mprotect(block + kPage, kPage, PROT_NONE);
  if (sigsetjmp(back, 1) == 0) {
    block = realloc(block, 3 * kBytes);
    puts("grew in place");
  } else {
    puts("left");
  }
  if (block != NULL) mprotect(block + kPage, kPage, PROT_READ | PROT_WRITE);
  if (asks && malloc_usable_size(&is_done) != 0) puts("no such block");
  for (int i = 0; i < 10; ++i) latest = malloc(40);
  sem_post(&is_done);
  for (;;) pause();
  return unused;
}

int main(int argc, char** argv) {
  asks = argc > 1 && strcmp(argv[1], "malloc_usable_size") == 0;
  struct sigaction action = {0};
  action.sa_handler = leave;
  sigaction(SIGSEGV, &action, NULL);
  sem_init(&is_done, 0, 0);
  pthread_t thread;
  pthread_create(&thread, NULL, &leave_realloc, NULL);
  sem_wait(&is_done);
  void* volatile lost = malloc(12345);
  lost = NULL;
  return lost != NULL;
}

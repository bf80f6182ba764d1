// Shows that pages which a program protects of its own blocks stay protected while it allocates others.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { kPage = 4096, kBlocks = 60 };

static sigjmp_buf back;

static void leave(int signal) { siglongjmp(back, signal); }

static int is_writable(volatile char* byte) {
  if (sigsetjmp(back, 1) != 0) return 0;
  *byte = 1;
  return 1;
}

// Of a thread, whose memory the pool makes ready a part at a time, other than the main thread's.
static void* protect_each(void* unused) {
  static char* blocks[kBlocks];
  for (int i = 0; i < kBlocks; ++i) {
    blocks[i] = aligned_alloc(kPage, (50 + i) * kPage);
    mprotect(blocks[i] + kPage, kPage, PROT_READ);
  }
  int still_protected = 0;
  for (int i = 0; i < kBlocks; ++i) still_protected += !is_writable(blocks[i] + kPage);
  printf("%d of %d pages still protected\n", still_protected, kBlocks);
  for (int i = 0; i < kBlocks; ++i) {
    mprotect(blocks[i] + kPage, kPage, PROT_READ | PROT_WRITE);
    free(blocks[i]);
  }
  return unused;
}

int main(void) {
  struct sigaction action = {0};
  action.sa_handler = leave;
  sigaction(SIGSEGV, &action, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, &protect_each, NULL);
  pthread_join(thread, NULL);
  return 0;
}

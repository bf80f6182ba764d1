// A coroutine suspended on a stack in the heap, which is held, and one whose stack is lost: reachable 1 x 65536 + 1 x 32, definite 1 x 65536, indirect 1 x 40.
#include <ucontext.h>

#include "leak.h"

enum { kStackBytes = 65536 };

static ucontext_t main_context;
static ucontext_t coroutine;
static char* volatile held;

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(32);
  use(block);
  return block;
}

static OWN_FRAME void* leak_one(void) {
  void* block = block_of(40);
  use(block);
  return block;
}

static void run_held(void) {
  void* volatile own = keep_one();
  swapcontext(&coroutine, &main_context);
  use(own);
}

static void run_lost(void) {
  void* volatile own = leak_one();
  swapcontext(&coroutine, &main_context);
  use(own);
}

static OWN_FRAME void* keep_stack(void) { return held = calloc(1, kStackBytes); }

static OWN_FRAME void* leak_stack(void) {
  void* stack = calloc(1, kStackBytes);
  use(stack);
  return stack;
}

static OWN_FRAME void start(void* stack, void (*run)(void)) {
  getcontext(&coroutine);
  coroutine.uc_stack.ss_sp = stack;
  coroutine.uc_stack.ss_size = kStackBytes;
  coroutine.uc_link = &main_context;
  makecontext(&coroutine, run, 0);
  swapcontext(&main_context, &coroutine);
}

int main(void) {
  start(leak_stack(), run_lost);
  memset(&coroutine, 0, sizeof coroutine);
  memset(&main_context, 0, sizeof main_context);
  start(keep_stack(), run_held);
  scrub();
  return 0;
}

// A coroutine suspended on a mapped stack with a guard page, and main's variable, when another coroutine ends the process: reachable 3 x 32.
// LSan: looks at no mappings, and not at main's stack while a coroutine runs: accuses what they hold.
#include <sys/mman.h>
#include <ucontext.h>

#include "leak.h"

enum { kStackBytes = 65536, kGuardBytes = 4096 };

static ucontext_t main_context;
static ucontext_t suspended;
static ucontext_t ending;

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(32);
  use(block);
  return block;
}

static void suspend(void) {
  void* volatile own = keep_one();
  swapcontext(&suspended, &main_context);
  use(own);
}

static void end_process(void) {
  void* volatile own = keep_one();
  use((void*)&own);
  exit(0);
}

static OWN_FRAME void start(ucontext_t* context, void (*run)(void)) {
  char* stack = mmap(NULL, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(stack, kGuardBytes, PROT_NONE);
  getcontext(context);
  context->uc_stack.ss_sp = stack;
  context->uc_stack.ss_size = kStackBytes;
  context->uc_link = &main_context;
  makecontext(context, run, 0);
  swapcontext(&main_context, context);
}

int main(void) {
  void* volatile own = keep_one();
  start(&suspended, suspend);
  start(&ending, end_process);
  use(own);
  return 1;
}

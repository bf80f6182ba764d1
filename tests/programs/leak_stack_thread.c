// What the variables of threads hold that sleep, wait for a semaphore, read a pipe, wait for a lock and run: reachable 5 x 24.
#include <semaphore.h>

#include "leak.h"

static sem_t never;
static int pipe_ends[2];
static pthread_mutex_t taken = PTHREAD_MUTEX_INITIALIZER;
static volatile int ready[5];
static volatile int running = 1;

static OWN_FRAME void* keep_one(void) {
  void* block = block_of(24);
  use(block);
  return block;
}

static void* hold(void* which) {
  void* volatile own = keep_one();
  char byte;
  ready[(intptr_t)which] = 1;
  switch ((intptr_t)which) {
    case 0:
      sleep(1000);
      break;
    case 1:
      sem_wait(&never);
      break;
    case 2:
      use((void*)(read(pipe_ends[0], &byte, 1) + (char*)NULL));
      break;
    case 3:
      pthread_mutex_lock(&taken);
      break;
    default:
      while (running) {
      }
  }
  use(own);
  return NULL;
}

int main(void) {
  sem_init(&never, 0, 0);
  if (pipe(pipe_ends) != 0) return 1;
  pthread_mutex_lock(&taken);
  for (intptr_t i = 0; i < 5; ++i) start_thread(hold, (void*)i);
  for (int i = 0; i < 5; ++i) wait_for(&ready[i]);
  usleep(20000);  // until they wait; what they hold is held before, too
  return 0;
}

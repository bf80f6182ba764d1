// A segment of System V's shared memory, attached and detached: reachable 1 x 32, definite 1 x 40.
// LSan: looks at no mappings, and accuses what only they hold.
#include <sys/ipc.h>
#include <sys/shm.h>

#include "leak.h"

static void* attach(void) {
  const int segment = shmget(IPC_PRIVATE, 3 * 4096, IPC_CREAT | 0600);
  void* area = shmat(segment, NULL, 0);
  shmctl(segment, IPC_RMID, NULL);
  if (area == (void*)-1) abort();
  return area;
}

static OWN_FRAME void keep_in(void** area) { area[700] = block_of(32); }
static OWN_FRAME void leak_in(void** area) { area[700] = block_of(40); }

int main(void) {
  void* detached = attach();
  keep_in(attach());
  leak_in(detached);
  shmdt(detached);
  scrub();
  return 0;
}

// Leaves one live mapping of each kind, each from a function of its own; maps and unmaps as many more. argv[1]: a file.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

enum { PAGE = 4096 };

static char* checked(void* result) {
  if (result == MAP_FAILED) abort();
  return result;
}

__attribute__((noinline)) static char* leak_anonymous(void) {
  char* memory = checked(mmap(NULL, 30 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  memory[0] = memory[PAGE] = 1;
  return memory;
}

__attribute__((noinline)) static char* leak_shared(void) {
  return checked(mmap64(NULL, 50 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

__attribute__((noinline)) static char* leak_reserved(void) {
  char* memory = checked(mmap(NULL, 1000 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (mprotect(memory + 100 * PAGE, 70 * PAGE, PROT_READ | PROT_WRITE) != 0) abort();
  return memory;
}

__attribute__((noinline)) static char* leak_segment(void) {
  const int id = shmget(IPC_PRIVATE, 90 * PAGE, IPC_CREAT | 0600);
  char* memory = checked(shmat(id, NULL, 0));
  if (shmdt(checked(shmat(id, NULL, SHM_RDONLY))) != 0) abort();
  shmctl(id, IPC_RMID, NULL);
  return memory;
}

__attribute__((noinline)) static char* grow_break(void) {
  char* memory = checked(sbrk(70 * PAGE));
  if (sbrk(-20 * PAGE) != memory + 70 * PAGE) abort();
  if (brk(memory + 60 * PAGE) != 0 || sbrk(0) != memory + 60 * PAGE) abort();
  return memory;
}

__attribute__((noinline)) static char* map_file(const char* path) {
  const int fd = open(path, O_RDONLY);
  char* memory = checked(mmap(NULL, 11 * PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE));
  for (int page = 0; page < 3; ++page) (void)*(volatile char*)(memory + page * PAGE);
  if (munmap(checked(mmap(NULL, 20 * PAGE, PROT_READ, MAP_SHARED, fd, 0)), 20 * PAGE) != 0) abort();
  close(fd);
  return memory;
}

int main(int argc, char** argv) {
  for (int i = 0; i < 100; ++i) {
    if (munmap(checked(mmap(NULL, 5 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), 5 * PAGE) != 0) abort();
  }
  leak_anonymous();
  leak_shared();
  leak_reserved();
  leak_segment();
  grow_break();
  map_file(argv[1]);
  return 0;
}

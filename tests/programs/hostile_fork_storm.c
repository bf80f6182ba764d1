// Forks 100 times while four threads allocate and map: each child allocates, maps, frees the parent's block, forks and ends.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, FORKS = 100 };
static atomic_int stop;

static void* churn(void* argument) {
  unsigned seed = (unsigned)(size_t)argument;
  void* held[64] = {0};
  while (!stop) {
    void** slot = &held[rand_r(&seed) % 64];
    free(*slot);
    *slot = malloc(rand_r(&seed) % 20000);
    char* memory = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(memory, 8192);
  }
  for (int i = 0; i < 64; ++i) free(held[i]);
  return NULL;
}

static void* allocate(void* argument) {
  free(malloc(1000));
  return argument;
}

static int child(char* block) {
  pthread_t thread;
  alarm(60);
  block = realloc(block, 3000);
  free(block);
  for (int i = 0; i < 200; ++i) free(malloc((size_t)i * 50));
  munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
  if (pthread_create(&thread, NULL, allocate, NULL) != 0) return 1;
  pthread_join(thread, NULL);
  const pid_t grandchild = fork();
  if (grandchild == 0) _exit(malloc(10) != NULL ? 9 : 1);
  int status;
  waitpid(grandchild, &status, 0);
  return WEXITSTATUS(status);
}

int main(void) {
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; ++i) pthread_create(&threads[i], NULL, churn, (void*)i);
  int good = 0;
  for (int i = 0; i < FORKS; ++i) {
    char* block = malloc(2000);
    const pid_t pid = fork();
    if (pid == 0) return child(block);
    int status;
    waitpid(pid, &status, 0);
    good += WIFEXITED(status) && WEXITSTATUS(status) == 9;
    free(block);
  }
  stop = 1;
  for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
  volatile char* leak = malloc(54321);
  leak[0] = 1;
  printf("good %d\n", good);
  return 3;
}

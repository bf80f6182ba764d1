// Forks 200 times while four threads allocate and free without pause; each child allocates and leaves by _exit(0).
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int stop;

static void* churn(void* unused) {
  for (unsigned i = 0; !stop; ++i) {
    void* blocks[16];
    for (int j = 0; j < 16; ++j) blocks[j] = malloc(16 + (i * 131 + j * 977) % 70000);
    for (int j = 0; j < 16; ++j) free(blocks[j]);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, churn, NULL);
  int failures = 0;
  for (int i = 0; i < 200; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (int j = 0; j < 200; ++j) {
        void* volatile block = malloc(16 + j * 300);
        free(block);
      }
      _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    failures += status != 0;
  }
  stop = 1;
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  return failures;
}

// exit(13) is called by a thread while main waits for it.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void* end_all(void* unused) {
  void* volatile kept = malloc(500);
  exit(kept == NULL ? 1 : 13);
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, end_all, NULL);
  pthread_join(thread, NULL);
  return 1;
}

// main leaves by pthread_exit; the process ends with 0 when its last thread does, and exit functions run then.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_t main_thread;

static void last_words(void) { puts("exit function"); }

static void* outlive(void* unused) {
  pthread_join(main_thread, NULL);
  void* volatile kept = malloc(700);
  puts(kept == NULL ? "nothing" : "main is gone");
  return NULL;
}

int main(void) {
  pthread_t thread;
  atexit(last_words);
  main_thread = pthread_self();
  pthread_create(&thread, NULL, outlive, NULL);
  pthread_exit(NULL);
}

// Functions for Python programs to lose memory in: called through ctypes, they stand for a C extension's. Built by test_python_frames.py.
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Loses a block of so many bytes.
void plant(size_t bytes) {
  char* lost = malloc(bytes);
  memset(lost, 1, bytes);
}

// From C back to Python, which loses it.
void plant_through(void (*callback)(size_t), size_t bytes) { callback(bytes); }

// With a deep native stack between the two.
void plant_below(void (*callback)(size_t), size_t bytes, int depth) {
  if (depth == 0) {
    callback(bytes);
  } else {
    plant_below(callback, bytes, depth - 1);
  }
  __asm__ volatile("");
}

static volatile size_t bytes_of_handler;

static void lose_in_handler(int signal) {
  char* lost = malloc(bytes_of_handler);
  memset(lost, 1, 1);
}

// Loses a block in a signal handler written in C.
void plant_in_handler(size_t bytes) {
  bytes_of_handler = bytes;
  signal(SIGUSR1, lose_in_handler);
  raise(SIGUSR1);
}

static void* lose_in_thread(void* bytes) {
  plant((size_t)bytes);
  return NULL;
}

// Loses a block in a thread that Python does not know.
void plant_in_own_thread(size_t bytes) {
  pthread_t thread;
  pthread_create(&thread, NULL, lose_in_thread, (void*)bytes);
  pthread_join(thread, NULL);
}

static volatile int goes_on = 1;

// Allocates and frees until stop() is called, or for ever.
void churn(void) {
  while (goes_on) free(malloc(100));
}

void stop(void) { goes_on = 0; }

// A library to load and unload; its builds have the same code at the same addresses but for one frame's size (FRAME_BYTES).
#include <stdlib.h>

static void* volatile sink;

__attribute__((noinline)) static void allocate_inside(unsigned long bytes) {
  char frame[FRAME_BYTES];
  __asm__ volatile("" ::"r"(frame) : "memory");
  void* block = malloc(bytes);
  sink = block;
  free(block);
  __asm__ volatile("" ::"r"(frame) : "memory");
}

void module_allocate(unsigned long bytes) {
  allocate_inside(bytes);
  __asm__ volatile("");
}

__attribute__((noinline)) static void call_inside(void (*hook)(void)) {
  char frame[FRAME_BYTES];
  __asm__ volatile("" ::"r"(frame) : "memory");
  hook();
  __asm__ volatile("" ::"r"(frame) : "memory");
}

void module_call(void (*hook)(void)) {
  call_inside(hook);
  __asm__ volatile("");
}

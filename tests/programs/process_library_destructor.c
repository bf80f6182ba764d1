// Exit functions of every kind run before the report: atexit, on_exit, a destructor function, a thread-local's key.
#include <stdio.h>
#include <stdlib.h>

static void* volatile kept[4];

static void by_atexit(void) { free(kept[0]); }
static void by_on_exit(int status, void* unused) { free(kept[1]); }
__attribute__((destructor)) static void by_destructor(void) { free(kept[2]); }

int main(void) {
  kept[0] = malloc(1001);
  kept[1] = malloc(1002);
  kept[2] = malloc(1003);
  atexit(by_atexit);
  on_exit(by_on_exit, NULL);
  return 22;
}

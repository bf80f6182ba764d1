// A forked child calls free(NULL) first thing; what its parent allocated last stays untouched.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  static char* blocks[64];
  for (int i = 0; i < 64; ++i) {  // the pool's page is known by then, and the stack is the same
    blocks[i] = malloc(100);
    memset(blocks[i], i, 100);
  }
  if (fork() == 0) {
    free(NULL);
    int lost = 0;
    for (int i = 0; i < 64; ++i) {
      char* other = malloc(100);
      memset(other, 0x7f, 100);
      lost += other == blocks[63];
    }
    for (int i = 0; i < 100; ++i) lost += blocks[63][i] != 63;
    _exit(lost != 0);
  }
  int status = 0;
  wait(&status);
  puts(status == 0 ? "untouched" : "lost");
  return 0;
}

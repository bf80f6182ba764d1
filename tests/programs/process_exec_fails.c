// Tries to execute what is not there, what is no program and what may not be executed; errno tells each; returns 21
// from main.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

extern char** environ;

int main(void) {
  char name[] = "/tmp/weir-exec-XXXXXX";
  char* const arguments[] = {"x", NULL};
  const int file = mkstemp(name);
  write(file, "\177ELF, but not really", 20);
  fchmod(file, 0700);
  close(file);
  execve("/nonexistent", arguments, environ);
  printf("%d\n", errno == ENOENT);
  execvp("weir-no-such-program", arguments);
  printf("%d\n", errno == ENOENT);
  execv(name, arguments);
  printf("%d\n", errno == ENOEXEC);
  chmod(name, 0600);
  execl(name, "x", (char*)NULL);
  printf("%d\n", errno == EACCES);
  execv(NULL, arguments);
  printf("%d\n", errno == EFAULT);
  unlink(name);
  return 21;
}

// Executes process_show_arguments by the function that its argument names: execve, execv, execvp, execvpe, execl,
// execle, execlp, fexecve or execveat. The last two arguments of the new program and one variable of its environment
// are its own.
#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char** environ;

int main(int argc, char** argv) {
  void* volatile kept = malloc(4000);
  char path[4096];
  char copy[4096];
  strcpy(copy, argv[0]);
  snprintf(path, sizeof path, "%s/process_show_arguments", dirname(copy));
  const char* how = argv[1];
  char* const arguments[] = {"shown", "first", "second", NULL};
  setenv("PROCESS_EXEC_TEST", how, 1);
  if (strcmp(how, "execve") == 0) execve(path, arguments, environ);
  if (strcmp(how, "execv") == 0) execv(path, arguments);
  if (strcmp(how, "execvp") == 0) execvp(path, arguments);
  if (strcmp(how, "execvpe") == 0) execvpe(path, arguments, environ);
  if (strcmp(how, "execl") == 0) execl(path, "shown", "first", "second", (char*)NULL);
  if (strcmp(how, "execle") == 0) execle(path, "shown", "first", "second", (char*)NULL, environ);
  if (strcmp(how, "execlp") == 0) execlp(path, "shown", "first", "second", (char*)NULL);
  if (strcmp(how, "fexecve") == 0) fexecve(open(path, O_RDONLY | O_CLOEXEC), arguments, environ);
  if (strcmp(how, "execveat") == 0) execveat(AT_FDCWD, path, arguments, environ, 0);
  perror(how);
  return 1;
}

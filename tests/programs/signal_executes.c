// Executes PROGRAM in every way, each with several masks: what it runs inherits the mask that was asked for.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;
static char* program;
static char* arguments[] = {"show", NULL};
// What it executes is not to be one that Weir is loaded into, which could set its own mask right.
static char* bare[] = {"PATH=/usr/bin:/bin", NULL};

static void by_fork(void) {
  if (fork() == 0) {
    execve(program, arguments, bare);
    _exit(1);
  }
}

static void by_vfork(void) {
  const pid_t child = vfork();
  if (child == 0) {
    execve(program, arguments, bare);
    _exit(1);
  }
}

static void by_failing_first(void) {
  if (fork() == 0) {
    execve("/nowhere/at/all", arguments, bare);
    execve("/", arguments, bare);
    execve(program, arguments, bare);
    _exit(1);
  }
}

static void by_spawn(void) { posix_spawn(&(pid_t){0}, program, NULL, NULL, arguments, bare); }

static void by_spawnp(void) { posix_spawnp(&(pid_t){0}, program, NULL, NULL, arguments, bare); }

static void by_spawn_with_mask(void) {
  posix_spawnattr_t attributes;
  sigset_t some;
  sigemptyset(&some);
  sigaddset(&some, 45);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &some);
  posix_spawn(&(pid_t){0}, program, NULL, &attributes, arguments, bare);
}

static void by_system(void) {
  char command[4096];
  snprintf(command, sizeof command, "exec env -i %s", program);
  system(command);
}

static void by_popen(void) {
  char command[4096], line[256];
  snprintf(command, sizeof command, "exec env -i %s", program);
  FILE* pipe = popen(command, "r");
  while (fgets(line, sizeof line, pipe) != NULL) fputs(line, stdout);
  pclose(pipe);
}

static void (*const ways[])(void) = {by_fork,   by_vfork,           by_failing_first, by_spawn,
                                     by_spawnp, by_spawn_with_mask, by_system,        by_popen};

static void* run_ways(void* unused) {
  sigset_t before, after;
  for (int way = 0; way < sizeof ways / sizeof *ways; ++way) {
    printf("way %d\n", way);
    fflush(stdout);
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    ways[way]();
    while (wait(NULL) > 0 || errno == EINTR) {
    }
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    if (memcmp(&before, &after, 8) != 0) printf("the mask has changed\n");
  }
  return NULL;
}

int main(int argc, char** argv) {
  program = argv[1];
  sigset_t mask;
  for (int kind = 0; kind < 4; ++kind) {
    sigfillset(&mask);
    if (kind == 1) sigdelset(&mask, SIGRTMAX - 1);
    if (kind == 2) sigemptyset(&mask);
    if (kind == 3) sigdelset(&mask, 50);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    printf("mask %d\n", kind);
    run_ways(NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, run_ways, NULL);
    pthread_join(thread, NULL);
  }
  return 0;
}

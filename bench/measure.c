// measure FILE PROGRAM ARGUMENTS...: runs the program and writes into FILE, one "name value" per line: the CPU time of the
// whole tree of processes (orphans too), the wall time until the program's own end and until the last one's, the largest
// peak resident memory of one process, the program's wait status, when the last process ended, and where exit_mark.c told
// it, when the program's main did. Linked statically: no preload reaches it, so one may stand on either side of a tool.
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int64_t ns_of(struct timeval time) { return time.tv_sec * INT64_C(1000000000) + time.tv_usec * INT64_C(1000); }

// When the main of process `pid` ended: the lines of the mark file are "pid ns". 0 where there is none.
static int64_t mark_of(const char* path, pid_t pid) {
  FILE* file = path ? fopen(path, "r") : NULL;
  if (!file) return 0;
  long long marked_pid, ns, found = 0;
  while (fscanf(file, "%lld %lld", &marked_pid, &ns) == 2) {
    if (marked_pid == pid) found = ns;
  }
  fclose(file);
  return found;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const int64_t start = now_ns();
  const pid_t program = vfork();
  if (program == 0) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  if (program < 0) return 1;

  int program_status = 0, status;
  int64_t program_end = 0;
  pid_t ended;
  while ((ended = wait(&status)) > 0 || errno == EINTR) {
    if (ended != program) continue;
    program_status = status;
    program_end = now_ns();
  }
  const int64_t last_end = now_ns();
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  const int64_t mark = mark_of(getenv("BENCH_EXIT_MARK"), program);

  FILE* out = fopen(argv[1], "w");
  if (!out) return 1;
  fprintf(out, "user_ns %lld\nsystem_ns %lld\n", (long long)ns_of(usage.ru_utime), (long long)ns_of(usage.ru_stime));
  fprintf(out, "wall_ns %lld\nlast_wall_ns %lld\n", (long long)(program_end - start), (long long)(last_end - start));
  fprintf(out, "peak_bytes %lld\nstatus %d\n", usage.ru_maxrss * 1024LL, program_status);
  fprintf(out, "last_end_at_ns %lld\n", (long long)last_end);
  if (mark) fprintf(out, "main_end_at_ns %lld\n", (long long)mark);
  fclose(out);
  if (WIFSIGNALED(program_status)) return 128 + WTERMSIG(program_status);
  return WEXITSTATUS(program_status);
}

// Shows what a program may say of its leaks in functions that LeakSanitizer would call; this one exports them. Argument: what to do.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
__attribute__((visibility("default"))) const char* __lsan_default_suppressions() {
  return "# of the program itself\nleak:lose_known\n";
}
__attribute__((visibility("default"))) const char* __lsan_default_options() { return "suppressions=more.supp"; }
__attribute__((visibility("default"))) int __lsan_is_turned_off() { return getenv("TURNED_OFF") != nullptr; }
void __lsan_do_leak_check() __attribute__((weak));
int __lsan_do_recoverable_leak_check() __attribute__((weak));
}

static void* volatile sink;

static volatile int how_many = 3;

[[gnu::noinline]] static void lose_known() {
  for (int i = 0; i < how_many; ++i) sink = malloc(1000);
}
[[gnu::noinline]] static void lose_unknown() {
  for (int i = 0; i < how_many; ++i) sink = malloc(500);
}
// Overwrites what the calls above left in registers and on the stack.
[[gnu::noinline]] static void wipe() {
  volatile char stack[4096];
  for (size_t i = 0; i < sizeof stack; ++i) stack[i] = 0;
  sink = nullptr;
}

static volatile int child_signals;

static void count_child_signal(int) { ++child_signals; }

// Whatever Weir asks of others for its answer: this process has no child.
static int check_now() {
  signal(SIGCHLD, count_child_signal);
  const int answer = __lsan_do_recoverable_leak_check();
  const bool has_child = wait(nullptr) != -1 || errno != ECHILD;
  if (has_child || child_signals != 0) fprintf(stderr, "a child was seen\n");
  return answer;
}

// A child that loses blocks of its own, or none, and ends with status 0: what its parent learns.
static int status_of_child(bool loses) {
  const pid_t child = fork();
  if (child == 0) {
    if (loses) lose_unknown();
    wipe();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

static void at_exit_function() { printf("at exit, "); }

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  atexit(at_exit_function);
  if (strstr(what, "known") != nullptr) lose_known();
  if (strstr(what, "strange") != nullptr) lose_unknown();
  wipe();
  if (strstr(what, "child") != nullptr)
    fprintf(stderr, "child %d\n", status_of_child(strstr(what, "losing") != nullptr));
  printf("on stdout, ");  // not flushed
  if (strstr(what, "recoverable") != nullptr) fprintf(stderr, "%d ", check_now());
  if (strstr(what, "once") != nullptr) __lsan_do_leak_check();
  if (strstr(what, "late") != nullptr) lose_unknown();
  wipe();
  if (strstr(what, "_exit") != nullptr) _exit(5);
  if (strstr(what, "quick") != nullptr) quick_exit(6);
  if (strstr(what, "fail") != nullptr) exit(4);
  return 0;
}
